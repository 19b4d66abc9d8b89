package lint

import (
	"strings"

	"drydock/internal/gateway/lint/conf"
)

var keepaliveRules = []Rule{{
	ID: "upstream-keepalive", Title: "Connections to an upstream are not kept", Severity: Warning,
	Why:    "A new connection for each request costs a round trip (with TLS, several), and under load the ports run out. Before 1.29.7 it takes three settings together: keepalive in the upstream, proxy_http_version 1.1 and an empty Connection header. Since 1.29.7 these are the defaults, and only what speaks against them does harm.",
	Fix:    "Before 1.29.7: `keepalive 32;` in the upstream, `proxy_http_version 1.1;` and `proxy_set_header Connection \"\";` where requests are passed on. Since then: take out what switches it off.",
	Source: docs + "http/ngx_http_upstream_module.html#keepalive",
	check: func(c *check) {
		old := c.version.Before(v(1, 29, 7))
		noted := map[*conf.Node]bool{}
		c.each(func(n *conf.Node) {
			hosts, _ := c.hosts(n)
			for _, h := range hosts {
				u := c.cfg.Upstream(h)
				if u == nil {
					continue
				}
				k := u.Last("keepalive")
				if k == nil && old && !noted[u] {
					noted[u] = true
					c.at(u, "the upstream %s has no keepalive", u.Arg(0))
				}
				if k != nil && k.Arg(0) == "0" && !noted[u] {
					noted[u] = true
					c.at(k, "keepalive 0 closes every connection to %s", u.Arg(0))
				}
				if k == nil && old || k != nil && k.Arg(0) == "0" {
					continue
				}
				version := n.Parent.Value("proxy_http_version")
				switch {
				case version == nil && old:
					c.at(n, "proxy_http_version is not set: before 1.29.7 it is 1.0, which keeps no connection")
				case version != nil && version.Arg(0) == "1.0":
					c.at(version, "HTTP/1.0 keeps no connection")
				case connection(c, n) == "close":
					c.at(connectionLine(n), "Connection: close ends every connection after one request")
				case connection(c, n) == "unset" && old:
					c.at(n, "the Connection header is not emptied: before 1.29.7 nginx sends close")
				}
			}
		}, "proxy_pass")
	},
}, {
	ID: "websocket-upgrade", Title: "Connection: upgrade is sent with every request", Severity: Error,
	Why:    "A constant `Connection: upgrade` says of every request that it wants another protocol: connections are not kept, and some servers refuse such requests. Without HTTP/1.1 no upgrade works at all.",
	Fix:    "Use a map: `map $http_upgrade $connection_upgrade { default upgrade; \"\" \"\"; }` and `proxy_set_header Connection $connection_upgrade;`.",
	Source: docs + "http/websocket.html",
	check: func(c *check) {
		c.each(func(n *conf.Node) {
			upgrade := headerLine(n.Parent, "upgrade")
			if upgrade == nil || upgrade.Arg(1) == "" {
				return
			}
			line := connectionLine(n)
			switch {
			case line == nil:
				c.at(upgrade, "Upgrade is passed on without a Connection header, so nothing is upgraded")
			case strings.EqualFold(line.Arg(1), "upgrade"):
				if l := n.Up("location"); l == nil || !onlySockets(l) {
					c.at(line, "the header is the same for every request")
				}
			case line.Arg(1) == "$http_connection":
				c.at(line, "what the client writes there (close, keep-alive) is meant for nginx, not for the upstream")
			}
			if version := n.Parent.Value("proxy_http_version"); version == nil && c.version.Before(v(1, 29, 7)) || version != nil && version.Arg(0) == "1.0" {
				c.at(n, "an upgrade needs proxy_http_version 1.1")
			}
		}, "proxy_pass")
	},
}}

// onlySockets: a location that is there for WebSockets and nothing else.
func onlySockets(l *conf.Node) bool {
	name := strings.ToLower(strings.Join(l.Args, " "))
	for _, s := range []string{"ws", "websocket", "socket", "hmr", "stream", "live", "cable", "hub"} {
		if strings.Contains(name, s) {
			return true
		}
	}
	return false
}

func headerLine(b *conf.Node, name string) *conf.Node {
	for _, h := range b.Inherited("proxy_set_header") {
		if strings.EqualFold(h.Arg(0), name) {
			return h
		}
	}
	return nil
}

func connectionLine(n *conf.Node) *conf.Node { return headerLine(n.Parent, "connection") }

// connection judges the Connection header of a proxy_pass: unset, close, or fine.
func connection(c *check, n *conf.Node) string {
	line := connectionLine(n)
	if line == nil {
		return "unset"
	}
	value := line.Arg(1)
	// Of a map from $http_upgrade, what counts is what ordinary requests get.
	if names := conf.Variables(value); len(names) == 1 && value == "$"+names[0] {
		for _, d := range c.cfg.Definitions(names[0]) {
			if d.Name != "map" {
				continue
			}
			value = ""
			for _, e := range conf.MapEntries(d) {
				if e.Default {
					value = e.Value
				}
			}
			for _, e := range conf.MapEntries(d) {
				if !e.Regex && !e.Default && e.Key == "" {
					value = e.Value
				}
			}
		}
	}
	if strings.EqualFold(value, "close") {
		return "close"
	}
	return ""
}
