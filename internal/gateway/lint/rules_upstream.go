package lint

import (
	"slices"
	"strings"

	"drydock/internal/gateway/lint/conf"
)

var upstreamRules = []Rule{{
	ID: "literal-upstream", Title: "A host name that is looked up only once", Severity: Warning,
	Why:    "A name in proxy_pass or in an upstream's server is looked up when nginx starts: it does not start if the name is not there yet (NginxProxyManager 2359), and it keeps sending to an old address when the container comes back with another (NginxProxyManager 5602).",
	Fix:    "Use an upstream with `zone`, and `resolve` at its servers (open source nginx since 1.27.3), with a resolver; before that, a variable in proxy_pass with a resolver.",
	Source: docs + "http/ngx_http_upstream_module.html#resolve",
	check: func(c *check) {
		report := func(n *conf.Node, host string) {
			f := c.at(n, "%s is looked up at the start, and never again", host)
			if c.stack != nil && c.stack.knows(host) {
				f.Severity = Error
			}
		}
		c.each(func(n *conf.Node) {
			hosts, dynamic := c.hosts(n)
			if dynamic {
				return
			}
			for _, h := range hosts {
				if h != "" && !fixedHost(h) && c.cfg.Upstream(h) == nil {
					report(n, h)
				}
			}
		}, passNames...)
		c.each(func(u *conf.Node) {
			for _, s := range u.All("server") {
				host := conf.ParseTarget("x://" + s.Arg(0)).Host
				if strings.HasPrefix(s.Arg(0), "unix:") || fixedHost(host) || s.Has("resolve") {
					continue
				}
				report(s, host)
			}
		}, "upstream")
	},
}, {
	ID: "next-upstream", Title: "A request that changes something may be sent twice", Severity: Error,
	Why:    "non_idempotent lets nginx repeat a POST or PATCH at another member although the first may have done it already: two orders, two payments.",
	Fix:    "Take non_idempotent out of proxy_next_upstream; GET, HEAD, PUT and DELETE are repeated without it.",
	Source: docs + "http/ngx_http_proxy_module.html#proxy_next_upstream",
	check: func(c *check) {
		c.each(func(n *conf.Node) {
			if n.Has("non_idempotent") {
				c.at(n, "%s repeats requests that are not idempotent", n.Name)
			}
		}, "proxy_next_upstream", "fastcgi_next_upstream", "uwsgi_next_upstream", "scgi_next_upstream", "grpc_next_upstream")
	},
}, {
	ID: "next-upstream-bound", Title: "Repeating a request at other members has no bound", Severity: Warning,
	Why:    "When all members are slow, nginx asks each in turn, every one with the whole timeout: the client waits for the sum, and the members get the load again and again.",
	Fix:    "Set proxy_next_upstream_tries (2 or 3) and proxy_next_upstream_timeout.",
	Source: docs + "http/ngx_http_proxy_module.html#proxy_next_upstream_tries",
	check: func(c *check) {
		if c.incomplete() {
			return
		}
		c.each(func(n *conf.Node) {
			hosts, _ := c.hosts(n)
			members := 0
			for _, h := range hosts {
				if u := c.cfg.Upstream(h); u != nil {
					for _, s := range u.All("server") {
						if members++; s.Has("resolve") {
							members++
						}
					}
				}
			}
			b := n.Parent
			if members < 2 || off(b, "proxy_next_upstream") {
				return
			}
			if b.Value("proxy_next_upstream_tries") == nil && b.Value("proxy_next_upstream_timeout") == nil {
				c.at(n, "neither proxy_next_upstream_tries nor proxy_next_upstream_timeout is set")
			}
		}, "proxy_pass")
	},
}}

func fixedHost(h string) bool {
	return h == "" || h == "localhost" || conf.IsAddress(h) || len(conf.Variables(h)) > 0
}

// knows tells whether a host is the name of a service.
func (s *Stack) knows(host string) bool { return s.service(host) != nil }

func (s *Stack) service(host string) *Service {
	for i := range s.Services {
		if strings.EqualFold(s.Services[i].Name, host) || slices.ContainsFunc(s.Services[i].Aliases, func(a string) bool { return strings.EqualFold(a, host) }) {
			return &s.Services[i]
		}
	}
	return nil
}
