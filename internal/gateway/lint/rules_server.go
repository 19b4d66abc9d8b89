package lint

import (
	"strings"

	"drydock/internal/gateway/lint/conf"
	"drydock/internal/gateway/routes"
)

var serverRules = []Rule{{
	ID: "default-server", Title: "No server is the default one by decision", Severity: Warning,
	Why:    "A request for a host that no server_name has goes to the first server of the address: scanners, stale DNS entries and forged hosts get the application, and the order of files decides which.",
	Fix:    "Mark one server of the address with default_server. If several sites share it, let that server refuse: `return 444;`, and for TLS `ssl_reject_handshake on;`.",
	Source: docs + "http/request_processing.html#mixed_name_ip_based_servers",
	check: func(c *check) {
		type group struct {
			servers []*conf.Node
			def     *conf.Node
		}
		groups, order := map[string]*group{}, []string{}
		for _, s := range c.cfg.Servers() {
			for _, l := range routes.Listens(s) {
				if strings.HasPrefix(l.Host, "unix:") || l.Loopback() || l.QUIC {
					continue // not reachable from outside, or the same as its TCP twin
				}
				key := l.Host + ":" + itoa(l.Port)
				g := groups[key]
				if g == nil {
					g = &group{}
					groups[key] = g
					order = append(order, key)
				}
				if len(g.servers) == 0 || g.servers[len(g.servers)-1] != s {
					g.servers = append(g.servers, s)
				}
				if l.Default {
					g.def = s
				}
			}
		}
		for _, key := range order {
			g := groups[key]
			port := key[strings.LastIndexByte(key, ':')+1:]
			switch {
			case g.def == nil && catchAll(g.servers[0]) && len(g.servers) == 1:
			case g.def == nil && serves(g.servers[0]):
				c.at(g.servers[0], "no server has default_server at port %s, so this one answers for every unknown host", port)
			case g.def != nil && len(g.servers) > 1 && serves(g.def) && !catchAll(g.def):
				c.at(g.def, "at port %s, this server with names of its own answers for every unknown host", port)
			}
		}
	},
}, {
	ID: "server-tokens", Title: "nginx tells its version", Severity: Warning,
	Why:    "The version in the Server header and on error pages tells a scanner which faults to try.",
	Fix:    "Write `server_tokens off;` in http.",
	Source: docs + "http/ngx_http_core_module.html#server_tokens",
	check: func(c *check) {
		if h := c.cfg.HTTP(); h != nil && !c.incomplete() && h.Last("server_tokens") == nil {
			for _, s := range c.cfg.Servers() {
				if s.Last("server_tokens") == nil {
					c.at(h, "server_tokens is not set, and its default is on")
					break
				}
			}
		}
		c.each(func(n *conf.Node) {
			if n.Arg(0) == "on" || n.Arg(0) == "build" {
				c.at(n, "server_tokens is %s", n.Arg(0))
			}
		}, "server_tokens")
	},
}, {
	ID: "real-ip-any", Title: "Anybody is believed about the client's address", Severity: Error,
	Why:    "With every address trusted, a client writes its own address into X-Forwarded-For: allow lists, rate limits and logs are worth nothing.",
	Fix:    "Give set_real_ip_from the addresses of the proxies in front, and nothing wider.",
	Source: docs + "http/ngx_http_realip_module.html#set_real_ip_from",
	check: func(c *check) {
		c.each(func(n *conf.Node) {
			if strings.HasSuffix(n.Arg(0), "/0") {
				c.at(n, "%s is every address", n.Arg(0))
			}
		}, "set_real_ip_from")
	},
}}

// serves tells whether a server answers with content: not only with a refusal or a redirect.
func serves(s *conf.Node) bool {
	if s.Last("return") != nil || on(s, "ssl_reject_handshake") {
		return false
	}
	if len(s.All("rewrite")) > 0 && len(s.All("location")) == 0 {
		return false
	}
	locations := s.All("location")
	for _, l := range locations {
		if r := l.Last("return"); r == nil || strings.HasPrefix(r.Arg(0), "2") {
			if _, name := routes.LocationOf(l); strings.HasPrefix(name, "/.well-known/") {
				continue
			}
			if l.Last("internal") != nil {
				continue
			}
			return true
		}
	}
	return len(locations) == 0
}

// catchAll tells whether a server is meant for every host.
func catchAll(s *conf.Node) bool {
	for _, n := range routes.Names(s) {
		if n == "_" || n == "" || n == "~^" || n == "~." || n == "~.*" || n == "~^.*$" {
			return true
		}
	}
	return false
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}
