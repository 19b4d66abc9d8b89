package lint

import (
	"slices"
	"strings"

	"drydock/internal/gateway/lint/conf"
)

var hostRules = []Rule{{
	ID: "host-spoofing", Title: "$http_host decides something", Severity: Error,
	Why:    "$http_host is the raw header. In a request line that holds a whole URL (GET http://good/ HTTP/1.1) another host chooses the server, so no server_name guards this value: links, redirects, cache entries and password mails can be made to point elsewhere.",
	Fix:    "Use $host, which is the name that chose the server, lower case and without port. If the port is needed: $host:$server_port, or since 1.29.3 $host$is_request_port$request_port.",
	Source: docs + "http/ngx_http_core_module.html#var_host",
	check: func(c *check) {
		carries := func(s string) bool { return c.flows(s, "http_host") }
		c.each(func(n *conf.Node) {
			h := strings.ToLower(n.Arg(0))
			if (h == "host" || h == "x-forwarded-host" || h == "forwarded" || h == "x-original-host") && carries(n.Arg(1)) {
				c.at(n, "the upstream is told a host that the client can choose freely")
			}
		}, "proxy_set_header", "grpc_set_header")
		c.each(func(n *conf.Node) {
			if strings.EqualFold(n.Arg(0), "http_host") || strings.EqualFold(n.Arg(0), "server_name") {
				if carries(n.Arg(1)) {
					c.at(n, "the application is told a host that the client can choose freely")
				}
			}
		}, "fastcgi_param", "uwsgi_param", "scgi_param")
		c.each(func(n *conf.Node) {
			if url := redirectOf(n); url != "" && carries(url) {
				c.at(n, "the redirect leads to a host that the client can choose freely")
			}
		}, "return", "rewrite")
		c.each(func(n *conf.Node) {
			if len(n.Args) > 0 && slices.Contains(conf.Variables(n.Args[0]), "http_host") {
				c.at(n, "the condition looks at a host that the client can choose freely")
			}
		}, "if")
		c.each(func(n *conf.Node) {
			if carries(conf.ParseTarget(n.Arg(0)).Host) {
				c.at(n, "the client chooses where the request is sent")
			}
		}, passNames...)
	},
}}

// redirectOf is the address that a return or rewrite sends the client to, "" if it does not.
func redirectOf(n *conf.Node) string {
	switch n.Name {
	case "return":
		if len(n.Args) == 1 && !isNumber(n.Arg(0)) {
			return n.Arg(0)
		}
		switch n.Arg(0) {
		case "301", "302", "303", "307", "308":
			return n.Arg(1)
		}
	case "rewrite":
		to, flag := n.Arg(1), n.Arg(2)
		if flag == "redirect" || flag == "permanent" || strings.HasPrefix(to, "http://") || strings.HasPrefix(to, "https://") || strings.HasPrefix(to, "$scheme") {
			return to
		}
	}
	return ""
}

func isNumber(s string) bool {
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return s != ""
}

// flows tells whether the value of a variable can be part of a string, directly or
// through map and set. A map from that variable to constants does not carry it on.
func (c *check) flows(s, variable string) bool {
	return c.reach(s, variable, map[string]bool{})
}

// reach visits each variable once, however the definitions refer to each other.
func (c *check) reach(s, variable string, seen map[string]bool) bool {
	for _, name := range conf.Variables(s) {
		if name == variable {
			return true
		}
		if seen[name] {
			continue
		}
		seen[name] = true
		for _, d := range c.cfg.Definitions(name) {
			switch d.Name {
			case "map":
				takesOver := false
				for _, e := range conf.MapEntries(d) {
					if c.reach(e.Value, variable, seen) {
						return true
					}
					takesOver = takesOver || e.Regex && usesCapture(e)
				}
				if takesOver && c.reach(d.Arg(0), variable, seen) {
					return true
				}
			case "set":
				if c.reach(d.Arg(1), variable, seen) {
					return true
				}
			}
		}
	}
	return false
}

// usesCapture tells whether the value of a map's line takes over what its pattern found.
func usesCapture(e conf.MapEntry) bool {
	for _, v := range conf.Variables(e.Value) {
		if len(v) == 1 && v[0] >= '1' && v[0] <= '9' || strings.Contains(e.Key, "<"+v+">") {
			return true
		}
	}
	return false
}
