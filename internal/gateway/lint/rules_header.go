package lint

import (
	"slices"
	"strings"

	"drydock/internal/gateway/lint/conf"
)

// security are headers whose loss opens something.
var security = []string{"strict-transport-security", "content-security-policy", "x-content-type-options", "x-frame-options",
	"referrer-policy", "permissions-policy", "cross-origin-opener-policy", "cross-origin-embedder-policy", "cross-origin-resource-policy"}

func isSecurity(header string) bool { return slices.Contains(security, strings.ToLower(header)) }

var headerRules = []Rule{{
	ID: "header-loss", Title: "add_header in a nested block removes the outer headers", Severity: Warning,
	Why:    "add_header is inherited only by a block that has none of its own: one line in a location silently takes every outer header away from its answers.",
	Fix:    "Repeat the outer headers in this block (include the same snippet), set all of them in one place with a map for what differs, or since 1.29.3 write `add_header_inherit merge;`.",
	Source: docs + "http/ngx_http_headers_module.html#add_header",
	check: func(c *check) {
		losses(c, "add_header", func(block *conf.Node, first *conf.Node, lost []string, from *conf.Node) {
			if m := block.Value("add_header_inherit"); m != nil && m.Arg(0) == "merge" {
				return
			}
			f := c.at(first, "this block no longer sends %s, set at %s:%d", quoteList(lost), from.File, from.Line)
			if slices.ContainsFunc(lost, isSecurity) {
				f.Severity = Error
			}
		})
	},
}, {
	ID: "header-not-always", Title: "A security header is missing on errors", Severity: Warning,
	Why:    "Without `always`, add_header is left out of answers like 403, 404 or 502. Those are pages too, and often hold something of the request.",
	Fix:    "Add `always`.",
	Source: docs + "http/ngx_http_headers_module.html#add_header",
	check: func(c *check) {
		c.each(func(n *conf.Node) {
			if len(n.Args) == 2 && isSecurity(n.Arg(0)) {
				c.at(n, "%s is not sent with errors", n.Arg(0))
			}
		}, "add_header")
	},
}, {
	ID: "proxy-header-loss", Title: "proxy_set_header in a nested block removes the outer ones", Severity: Error,
	Why:    "proxy_set_header is inherited only by a block that has none of its own. What is lost is seldom noticed: the host, the client's address, the scheme, or the removal of a header that must not pass.",
	Fix:    "Keep all of them in one snippet and include it in every location that passes requests on.",
	Source: docs + "http/ngx_http_proxy_module.html#proxy_set_header",
	check: func(c *check) {
		for _, name := range []string{"proxy_set_header", "grpc_set_header", "fastcgi_param", "uwsgi_param", "scgi_param"} {
			losses(c, name, func(block *conf.Node, first *conf.Node, lost []string, from *conf.Node) {
				c.at(first, "this block no longer sends %s, set at %s:%d", quoteList(lost), from.File, from.Line)
			})
		}
	},
}, {
	ID: "error-page-loss", Title: "error_page in a nested block removes the outer ones", Severity: Warning,
	Why:    "error_page is inherited only by a block that has none of its own: errors of the other codes show nginx's plain page here.",
	Fix:    "Repeat the outer error_page lines in this block, or move all of them to one level.",
	Source: docs + "http/ngx_http_core_module.html#error_page",
	check: func(c *check) {
		h := c.cfg.HTTP()
		if h == nil {
			return
		}
		h.Walk(func(b *conf.Node) bool {
			if b.Param {
				return false
			}
			own := b.All("error_page")
			if !b.Block || len(own) == 0 || b.Parent == nil {
				return true
			}
			have := map[string]bool{}
			for _, p := range own {
				for _, code := range p.Args {
					have[code] = true
				}
			}
			var lost []string
			for _, p := range b.Parent.Inherited("error_page") {
				for _, code := range p.Args[:max(0, len(p.Args)-1)] {
					if !strings.HasPrefix(code, "=") && !have[code] && errorOf(b, code) {
						lost = append(lost, code)
					}
				}
			}
			if len(lost) > 0 {
				c.at(own[0], "the outer error_page for %s no longer counts in this block", quoteList(lost))
			}
			return true
		})
	},
}}

// losses finds blocks whose own lines of a directive hide outer ones that they do not repeat.
func losses(c *check, name string, report func(block, first *conf.Node, lost []string, from *conf.Node)) {
	h := c.cfg.HTTP()
	if h == nil {
		return
	}
	h.Walk(func(b *conf.Node) bool {
		if b.Param {
			return false
		}
		own := b.All(name)
		if !b.Block || len(own) == 0 || b.Parent == nil || b == h {
			return true
		}
		have := map[string]bool{}
		for _, n := range own {
			have[strings.ToLower(n.Arg(0))] = true
		}
		var lost []string
		var from *conf.Node
		for _, n := range b.Parent.Inherited(name) {
			if onlyFromUpstream(n.Arg(1)) && servesFiles(b) {
				continue // empty here in any case, and an empty header is not sent
			}
			if !have[strings.ToLower(n.Arg(0))] && !slices.Contains(lost, n.Arg(0)) {
				lost = append(lost, n.Arg(0))
				if from == nil {
					from = n
				}
			}
		}
		if len(lost) > 0 {
			report(b, own[0], lost, from)
		}
		return true
	})
}

// onlyFromUpstream tells whether a value is there only if an upstream answered.
func onlyFromUpstream(value string) bool {
	parts := conf.Parts(value)
	for _, p := range parts {
		if !p.Var || !strings.HasPrefix(p.Text, "upstream_") {
			return false
		}
	}
	return len(parts) > 0
}

// early are errors that nginx finds before it chooses a location: the server's
// error_page counts for them, whatever a location says.
var early = []string{"400", "408", "414", "421", "431", "494", "495", "496", "497", "501", "505"}

// errorOf tells whether an error can come up in a block. In a location that only nginx
// itself leads to, what was wrong with the request has come up before.
func errorOf(b *conf.Node, code string) bool {
	if slices.Contains(early, code) {
		return b.Name != "location" && b.Name != "if"
	}
	l := b
	if b.Name == "if" {
		l = b.Up("location")
	}
	if l != nil && l.Name == "location" && (strings.HasPrefix(l.Arg(0), "@") || l.Last("internal") != nil) {
		return code == "404" || code == "500" || code == "502" || code == "503" || code == "504"
	}
	return true
}
