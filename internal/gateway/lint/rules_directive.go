package lint

import (
	"strings"

	"drydock/internal/gateway/lint/conf"
)

var directiveRules = []Rule{{
	ID: "directive-unknown", Title: "A directive that this nginx does not know, or not here", Severity: Error,
	Why:    "nginx stops at the first directive that it does not know, so nothing starts. Directives come and go with versions, and many are allowed on some levels only.",
	Fix:    "Correct the name or the place, load the module, or run a version of nginx that has it.",
	Source: docs + "dirindex.html",
	check: func(c *check) {
		c.cfg.Root.Walk(func(n *conf.Node) bool {
			if n.Param {
				return false
			}
			if n.Line > 0 && n.Name != "include" {
				judge(c, n)
			}
			return !opaque(n)
		})
	},
}, {
	ID: "listen-http2", Title: "HTTP/2 switched on by listen", Severity: Warning,
	Why:    "Since 1.25.1 the parameter is deprecated: it belongs to the address, so it silently applies to every server there.",
	Fix:    "Write `http2 on;` in the server.",
	Source: docs + "http/ngx_http_v2_module.html#http2",
	check: func(c *check) {
		c.each(func(n *conf.Node) {
			if n.Has("http2") && !c.version.Before(v(1, 25, 1)) {
				c.at(n, "listen ... http2 is deprecated")
			}
		}, "listen")
	},
}}

// opaque blocks hold something that no table describes.
func opaque(n *conf.Node) bool {
	switch n.Name {
	case "map", "geo", "types", "split_clients", "charset_map", "geoip2", "match", "perl", "otel_exporter", "oidc_provider", "mgmt":
		return true
	}
	return false
}

func judge(c *check, n *conf.Node) {
	j := conf.Judge(n, c.version)
	where := "the main level"
	if n.Parent != nil && n.Parent.Name != "" {
		where = n.Parent.Name
	}
	switch {
	case j.Plus:
		c.at(n, "%s exists in the commercial nginx only", n.Name)
	case !j.Known:
		c.at(n, "unknown directive %s", n.Name)
	case j.TooNew != (conf.Version{}):
		c.at(n, "%s appeared in nginx %s, and nginx %s will run this", n.Name, j.TooNew, c.version)
	case j.Removed != (conf.Version{}):
		c.at(n, "%s was removed in nginx %s", n.Name, j.Removed)
	case !j.Context:
		c.at(n, "%s is not allowed in %s", n.Name, where)
	case !j.Args && n.Block:
		c.at(n, "%s with these arguments takes no block", n.Name)
	case !j.Args && swallowed(n) != "":
		c.at(n, "%s does not take these arguments: a ; is missing before %s", n.Name, swallowed(n))
	case !j.Args:
		c.at(n, "%s does not take these arguments, or needs a block", n.Name)
	default:
		parameters(c, n)
	}
}

// swallowed is the directive that became an argument, since the ; before it is missing.
func swallowed(n *conf.Node) string {
	for i, a := range n.Args {
		if i > 0 && len(a) > 3 && conf.IsDirective(a) {
			return a
		}
	}
	return ""
}

// parameters are those that appeared later than their directive.
func parameters(c *check, n *conf.Node) {
	since := func(what string, version conf.Version) {
		if c.version.Before(version) {
			c.at(n, "%s appeared in nginx %s, and nginx %s will run this", what, version, c.version)
		}
	}
	inUpstream := n.Parent.Name == "upstream" && n.Within("http")
	switch n.Name {
	case "server":
		if inUpstream {
			for _, a := range n.Args[min(1, len(n.Args)):] {
				switch key, _, _ := strings.Cut(a, "="); key {
				case "resolve", "service":
					since("the parameter "+key, v(1, 27, 3))
				case "route", "drain":
					since("the parameter "+key, v(1, 29, 6))
				}
			}
		}
	case "resolver", "resolver_timeout":
		if inUpstream {
			since(n.Name+" in an upstream", v(1, 27, 3))
		}
	case "keepalive":
		if n.Has("local") {
			since("the parameter local", v(1, 29, 7))
		}
	case "proxy_http_version":
		if n.Arg(0) == "2" {
			since("HTTP/2 to upstreams", v(1, 29, 4))
		}
	case "listen":
		if n.Has("quic") {
			since("listen ... quic", v(1, 25, 0))
		}
	}
}
