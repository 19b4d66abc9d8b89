package lint

import (
	"net"
	"strings"

	"drydock/internal/gateway/lint/conf"
)

var passNames = []string{"proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "memcached_pass"}

var resolverRules = []Rule{{
	ID: "resolver-missing", Title: "A name must be looked up at run time, and no resolver is set", Severity: Error,
	Why:    "A name that comes from a variable, or a server with `resolve`, is looked up while nginx runs, for which it does not use /etc/resolv.conf. Without a resolver every such request is answered 502, or nginx does not start.",
	Fix:    "Set `resolver` in http (Docker's is 127.0.0.11, with valid=...), or let the variable hold only names of upstream blocks.",
	Source: docs + "http/ngx_http_core_module.html#resolver",
	check: func(c *check) {
		c.each(func(n *conf.Node) {
			if n.Value("resolver") != nil || n.Parent.Value("resolver") != nil {
				return
			}
			hosts, dynamic := c.hosts(n)
			if !dynamic {
				return
			}
			needs := hosts == nil
			for _, h := range hosts {
				if h != "" && !conf.IsAddress(h) && c.cfg.Upstream(h) == nil {
					needs = true
				}
			}
			if needs {
				c.maybe(c.at(n, "the host of %s %s is only known at run time", n.Name, n.Arg(0)))
			}
		}, passNames...)
		c.each(func(u *conf.Node) {
			if u.Value("resolver") != nil {
				return
			}
			for _, s := range u.All("server") {
				if s.Has("resolve") && !conf.IsAddress(conf.ParseTarget(s.Arg(0)).Host) {
					c.maybe(c.at(s, "the server asks for `resolve`"))
				}
			}
		}, "upstream")
	},
}, {
	ID: "resolver-public", Title: "Names are looked up at a public resolver", Severity: Warning,
	Why:    "Whoever answers, or forges an answer on the way, decides where requests go, and learns the names that are used inside. Plain DNS to the internet is easily forged.",
	Fix:    "Use a resolver on the same host or network: Docker's is 127.0.0.11.",
	Source: docs + "http/ngx_http_core_module.html#resolver",
	check: func(c *check) {
		c.each(func(n *conf.Node) {
			for _, a := range n.Args {
				ip := net.ParseIP(hostOf(a))
				if ip != nil && !ip.IsPrivate() && !ip.IsLoopback() && !ip.IsLinkLocalUnicast() {
					c.at(n, "%s is a public resolver", a)
					return
				}
			}
		}, "resolver")
	},
}, {
	ID: "resolver-options", Title: "A resolver without valid= or ipv6=", Severity: Warning,
	Why:    "Docker's name server answers with a lifetime of ten minutes: without valid=, nginx sends requests to an address that a container left, or that another has now. And nginx asks for IPv6 addresses too, which fails where there is no IPv6.",
	Fix:    "Write `resolver 127.0.0.11 valid=5s ipv6=off;` (or ipv6=on where there is IPv6).",
	Source: docs + "http/ngx_http_core_module.html#resolver",
	check: func(c *check) {
		ipv6 := false
		c.each(func(n *conf.Node) { ipv6 = ipv6 || strings.HasPrefix(n.Arg(0), "[") }, "listen")
		c.each(func(n *conf.Node) {
			var missing []string
			if _, ok := n.Option("valid"); !ok {
				missing = append(missing, "valid=")
			}
			if _, ok := n.Option("ipv6"); !ok && !ipv6 {
				missing = append(missing, "ipv6=")
			}
			if len(missing) > 0 {
				c.at(n, "the resolver is used without %s", quoteList(missing))
			}
		}, "resolver")
	},
}}

// hosts are the hosts that a pass directive can go to. dynamic says that a variable
// decides; with hosts nil it can be anything.
func (c *check) hosts(n *conf.Node) (hosts []string, dynamic bool) {
	a := n.Arg(0)
	t := conf.ParseTarget(a)
	if t.Scheme == "" && n.Name == "proxy_pass" && len(conf.Variables(a)) > 0 {
		values, ok := c.cfg.Values(a)
		if !ok {
			return nil, true
		}
		for _, v := range values {
			hosts = append(hosts, conf.ParseTarget(v).Host)
		}
		return hosts, true
	}
	if t.Unix {
		return []string{}, false
	}
	if len(conf.Variables(t.Host)) == 0 {
		// Any variable makes nginx look the host up at run time, unless it is an upstream.
		return []string{t.Host}, len(conf.Variables(a)) > 0
	}
	values, ok := c.cfg.Values(t.Host)
	if !ok {
		return nil, true
	}
	for _, v := range values {
		hosts = append(hosts, conf.ParseTarget("x://"+v).Host)
	}
	return hosts, true
}

// maybe softens a finding that something may settle which was not read.
func (c *check) maybe(f *Finding) {
	if c.incomplete() {
		f.Severity = Warning
		f.Message += " (and not everything that may set a resolver was read)"
	}
}

func hostOf(s string) string {
	if h, _, err := net.SplitHostPort(s); err == nil {
		return h
	}
	return strings.Trim(s, "[]")
}
