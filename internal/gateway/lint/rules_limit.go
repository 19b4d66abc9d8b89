package lint

import (
	"strings"

	"drydock/internal/gateway/lint/conf"
	"drydock/internal/gateway/routes"
)

var limitRules = []Rule{{
	ID: "limits-missing", Title: "Limits on what a client may take are not set", Severity: Warning,
	Why:    "The defaults are a minute for each step and 1 MB for a body. Slow clients hold connections for as long, and an upload that should work gets 413. Numbers that nobody chose are found out in an incident.",
	Fix:    "Set them in http, from what the application needs.",
	Source: docs + "http/ngx_http_core_module.html#client_body_timeout",
	check: func(c *check) {
		h := c.cfg.HTTP()
		if h == nil || c.incomplete() || len(c.cfg.Servers()) == 0 {
			return
		}
		var missing []string
		for _, name := range []string{"client_header_timeout", "client_body_timeout", "send_timeout", "keepalive_timeout", "client_max_body_size", "large_client_header_buffers"} {
			for _, s := range c.cfg.Servers() {
				if s.Value(name) == nil && serves(s) && len(public(s)) > 0 {
					missing = append(missing, name)
					break
				}
			}
		}
		if len(missing) > 0 {
			c.at(h, "not set: %s", quoteList(missing))
		}
	},
}, {
	ID: "rate-limit-missing", Title: "Nothing limits the rate of requests or connections", Severity: Warning,
	Why:    "One client can take all workers of the application: by guessing passwords, by a loop in a script, or on purpose.",
	Fix:    "Add limit_req_zone and limit_conn_zone by $binary_remote_addr, and limit_req and limit_conn in the server or the locations that pass requests on.",
	Source: docs + "http/ngx_http_limit_req_module.html",
	check: func(c *check) {
		h := c.cfg.HTTP()
		if h == nil || c.incomplete() {
			return
		}
		passes, limited := false, false
		c.each(func(*conf.Node) { passes = true }, passNames...)
		c.each(func(*conf.Node) { limited = true }, "limit_req", "limit_conn")
		if passes && !limited {
			c.at(h, "neither limit_req nor limit_conn is used")
		}
	},
}, {
	ID: "limit-key", Title: "A limit counts by something that the client writes", Severity: Error,
	Why:    "Who changes the header with every request is never limited.",
	Fix:    "Count by $binary_remote_addr, with the real_ip module if there is a proxy in front.",
	Source: docs + "http/ngx_http_limit_req_module.html#limit_req_zone",
	check: func(c *check) {
		c.each(func(n *conf.Node) {
			for _, variable := range []string{"http_x_forwarded_for", "proxy_add_x_forwarded_for", "http_x_real_ip", "http_user_agent", "http_cf_connecting_ip"} {
				if c.flows(n.Arg(0), variable) && !c.flows(n.Arg(0), "binary_remote_addr") {
					c.at(n, "the limit counts by $%s", variable)
					return
				}
			}
		}, "limit_req_zone", "limit_conn_zone")
	},
}, {
	ID: "body-unlimited", Title: "Bodies of any size are taken", Severity: Warning,
	Why:    "client_max_body_size 0 switches the check off: one upload can fill the disk that bodies are buffered on.",
	Fix:    "Set the largest size that the application takes; for one upload location, in that location.",
	Source: docs + "http/ngx_http_core_module.html#client_max_body_size",
	check: func(c *check) {
		c.each(func(n *conf.Node) {
			// An error page for a body that is too large must not find it too large again.
			if l := n.Parent; l.Name == "location" && routes.Pass(l) == nil && (l.Last("internal") != nil || strings.HasPrefix(l.Arg(0), "@")) {
				return
			}
			if strings.Trim(n.Arg(0), "0kKmMgG") == "" && strings.HasPrefix(n.Arg(0), "0") {
				c.at(n, "the size of bodies is not limited")
			}
		}, "client_max_body_size")
	},
}, {
	ID: "proxy-timeouts", Title: "Timeouts towards an upstream are not set", Severity: Warning,
	Why:    "A minute to connect means that one dead member holds every request that is sent to it for a minute, and a minute to read may be too short for a report or far too long for a page.",
	Fix:    "Set proxy_connect_timeout (a second or two inside of one network) and proxy_read_timeout (a little more than the application takes).",
	Source: docs + "http/ngx_http_proxy_module.html#proxy_read_timeout",
	check: func(c *check) {
		if c.incomplete() {
			return
		}
		c.each(func(n *conf.Node) {
			var missing []string
			for _, name := range []string{"_connect_timeout", "_read_timeout"} {
				name = strings.TrimSuffix(n.Name, "_pass") + name
				if n.Parent.Value(name) == nil {
					missing = append(missing, name)
				}
			}
			if len(missing) > 0 {
				c.at(n, "not set: %s", quoteList(missing))
			}
		}, "proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass")
	},
}}

// public are the addresses of a server that others than the machine itself reach.
func public(s *conf.Node) []routes.Listen {
	var out []routes.Listen
	for _, l := range routes.Listens(s) {
		if l.Port != 0 && !l.Loopback() {
			out = append(out, l)
		}
	}
	return out
}
