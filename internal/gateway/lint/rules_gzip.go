package lint

import (
	"slices"

	"drydock/internal/gateway/lint/conf"
)

// textTypes are what a web application is made of; one of each line is enough.
var textTypes = [][]string{
	{"text/javascript", "application/javascript", "application/x-javascript"},
	{"application/json"},
	{"text/css"},
	{"image/svg+xml"},
	{"application/wasm"},
}

var packed = []string{"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "video/mp4", "font/woff", "font/woff2", "application/font-woff", "application/zip", "application/gzip", "application/pdf"}

var gzipRules = []Rule{{
	ID: "gzip-proxied", Title: "gzip is on, but not for requests that came through a proxy", Severity: Warning,
	Why:    "The default of gzip_proxied is off: behind a CDN or another proxy (any request with a Via header) nothing is compressed, and nobody notices.",
	Fix:    "Write `gzip_proxied any;` beside `gzip on;`.",
	Source: docs + "http/ngx_http_gzip_module.html#gzip_proxied",
	check: func(c *check) {
		eachGzip(c, func(n *conf.Node) {
			if p := n.Parent.Value("gzip_proxied"); p == nil || p.Arg(0) == "off" {
				c.at(n, "gzip_proxied is off")
			}
		})
	},
}, {
	ID: "gzip-types", Title: "gzip leaves out types that compress well, or has some that do not", Severity: Warning,
	Why:    "Only text/html is compressed unless gzip_types says more: one missing type and scripts go out in full size. Types that are compressed already only cost time, and an event stream must not wait for a full block.",
	Fix:    "List at least text/javascript (or what mime.types calls it), application/json, text/css, image/svg+xml and application/wasm.",
	Source: docs + "http/ngx_http_gzip_module.html#gzip_types",
	check: func(c *check) {
		eachGzip(c, func(n *conf.Node) {
			types := n.Parent.Value("gzip_types")
			if types == nil {
				c.at(n, "gzip_types is not set, so only text/html is compressed")
				return
			}
			if types.Has("*") {
				return
			}
			var missing []string
			for _, group := range textTypes {
				if script := c.scriptType(); script != "" && slices.Contains(group, script) {
					group = []string{script}
				}
				if !slices.ContainsFunc(group, types.Has) {
					missing = append(missing, group[0])
				}
			}
			if len(missing) > 0 {
				c.at(types, "not compressed: %s", quoteList(missing))
				return
			}
			for _, a := range types.Args {
				if slices.Contains(packed, a) {
					c.at(types, "%s is compressed already", a)
					return
				}
				if a == "text/event-stream" {
					c.at(types, "an event stream would wait for a full block")
					return
				}
			}
		})
	},
}, {
	ID: "gzip-vary", Title: "gzip without Vary", Severity: Warning,
	Why:    "A cache on the way that keeps the compressed answer gives it to clients that cannot read it, or the other way round.",
	Fix:    "Write `gzip_vary on;` beside `gzip on;`.",
	Source: docs + "http/ngx_http_gzip_module.html#gzip_vary",
	check: func(c *check) {
		eachGzip(c, func(n *conf.Node) {
			if !on(n.Parent, "gzip_vary") {
				c.at(n, "gzip_vary is off")
			}
		})
	},
}}

// scriptType is what the configuration's own types call a script, "" if it says nothing.
func (c *check) scriptType() string {
	out := ""
	c.each(func(n *conf.Node) {
		for _, t := range n.Children {
			if slices.Contains(t.Args, "js") {
				out = t.Name
			}
		}
	}, "types")
	return out
}

func eachGzip(c *check, f func(*conf.Node)) {
	c.each(func(n *conf.Node) {
		if n.Arg(0) == "on" {
			f(n)
		}
	}, "gzip")
}
