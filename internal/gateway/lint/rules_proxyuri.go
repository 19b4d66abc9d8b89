package lint

import (
	"strings"

	"drydock/internal/gateway/lint/conf"
	"drydock/internal/gateway/routes"
)

var proxyURIRules = []Rule{{
	ID: "proxy-pass-slash", Title: "The slashes of a location and its proxy_pass do not fit", Severity: Error,
	Why:    "If proxy_pass has a path, nginx puts it where the location's stood, character by character. With only one of them ending in a slash, a slash is doubled or lost, and neighbours such as /apix get in.",
	Fix:    "Give proxy_pass no path at all, so that the request passes unchanged; or end both with a slash.",
	Source: docs + "http/ngx_http_proxy_module.html#proxy_pass",
	check: func(c *check) {
		c.each(func(n *conf.Node) {
			name, t, ok := rewriting(n)
			if !ok {
				return
			}
			switch inSlash, outSlash := strings.HasSuffix(name, "/"), strings.HasSuffix(t.URI, "/"); {
			case inSlash && !outSlash && !strings.ContainsAny(t.URI, "?="):
				c.at(n, "%sx is passed on as %sx: the slash is lost", name, t.URI)
			case !inSlash && outSlash:
				c.at(n, "%s/x is passed on as %s/x, and %sx as %sx", name, t.URI, name, t.URI)
			}
		}, "proxy_pass")
	},
}, {
	ID: "proxy-pass-rewrite", Title: "proxy_pass with a path rewrites the request", Severity: Warning,
	Why:    "With a path in proxy_pass, even a single slash, the upstream does not get what the client sent: nginx replaces the location's path and passes on the rest decoded and encoded again, so %2F becomes a slash and doubled slashes one.",
	Fix:    "Take the path (and the slash) out of proxy_pass and let the application serve the prefix. Where the rewriting is meant, say so in a comment.",
	Source: docs + "http/ngx_http_proxy_module.html#proxy_pass",
	check: func(c *check) {
		c.each(func(n *conf.Node) {
			name, t, ok := rewriting(n)
			if !ok || strings.HasSuffix(name, "/") != strings.HasSuffix(t.URI, "/") {
				return
			}
			if name == t.URI {
				c.at(n, "the path %s in proxy_pass changes nothing but decodes what follows it", t.URI)
			} else {
				c.at(n, "%sx%%2Fy is passed on as %sx/y", name, t.URI)
			}
		}, "proxy_pass")
	},
}, {
	ID: "proxy-pass-path-lost", Title: "proxy_pass with a variable and a fixed path drops the request's path", Severity: Error,
	Why:    "With a variable in proxy_pass nginx replaces nothing: the path that is written there is all that the upstream gets, for every request, and the query is gone.",
	Fix:    "Take the path out of proxy_pass, which passes the request on unchanged, or end it with $request_uri.",
	Source: docs + "http/ngx_http_proxy_module.html#proxy_pass",
	check: func(c *check) {
		c.each(func(n *conf.Node) {
			a := n.Arg(0)
			if len(conf.Variables(a)) == 0 {
				return
			}
			t := conf.ParseTarget(a)
			if t.Scheme == "" || !t.HasURI || len(conf.Variables(t.URI)) > 0 {
				return
			}
			if l := n.Up("location"); l != nil {
				if mod, _ := routes.LocationOf(l); mod == routes.Exact {
					return
				}
			}
			c.at(n, "every request arrives as %s", t.URI)
		}, "proxy_pass")
	},
}}

// rewriting tells whether a proxy_pass has a path that replaces that of its location.
func rewriting(n *conf.Node) (name string, t conf.Target, ok bool) {
	l := n.Up("location")
	if l == nil || len(conf.Variables(n.Arg(0))) > 0 {
		return "", t, false
	}
	mod, name := routes.LocationOf(l)
	t = conf.ParseTarget(n.Arg(0))
	return name, t, t.HasURI && t.URI != "" && (mod == routes.Prefix || mod == routes.PrefixFinal)
}
