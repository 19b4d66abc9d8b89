package lint

import (
	"slices"
	"strconv"
	"strings"

	"drydock/internal/gateway/lint/conf"
	"drydock/internal/gateway/routes"
)

var cacheRules = []Rule{{
	ID: "html-cached", Title: "index.html is kept by browsers", Severity: Error,
	Why:    "The page names the files of one release. A browser that keeps it asks for files that the next release has removed, and shows a blank page until the time is over.",
	Fix:    "Give pages `Cache-Control: no-cache` (they are revalidated by ETag, which is cheap), and long times only to files with a hash in their name.",
	Source: docs + "http/ngx_http_headers_module.html#expires",
	check: func(c *check) {
		judged := map[*conf.Node]bool{}
		look := func(b *conf.Node) {
			if e := b.Value("expires"); e != nil && !judged[e] {
				if how := c.longExpires(e); how != "" {
					judged[e] = true
					c.at(e, "pages are kept: %s", how)
				}
			}
			for _, h := range b.Inherited("add_header") {
				if strings.EqualFold(h.Arg(0), "Cache-Control") && !judged[h] {
					if how := c.longCacheControl(h.Arg(1)); how != "" {
						judged[h] = true
						c.at(h, "pages are kept: %s", how)
					}
				}
			}
		}
		for _, s := range c.cfg.Servers() {
			if s.Last("return") != nil {
				continue
			}
			for _, path := range []string{"/index.html", "/", "/some/page"} {
				f := routes.Find(s, path)
				if f.Location != nil && f.Undecided == nil && f.Location.Last("return") == nil {
					look(f.Location)
				}
			}
			s.Walk(func(n *conf.Node) bool {
				if n.Name == "location" && n.Last("internal") == nil {
					if tf := n.Last("try_files"); tf != nil && strings.HasSuffix(tf.Arg(len(tf.Args)-1), "index.html") {
						look(n)
					}
				}
				return !n.Param
			})
		}
	},
}, {
	ID: "cache-private", Title: "The cache gives one user's answer to another", Severity: Error,
	Why:    "nginx keeps answers also to requests with an Authorization header (nginx/nginx 824), and its key holds only the address: the next user gets the first one's page.",
	Fix:    "Write `proxy_cache_bypass $http_authorization; proxy_no_cache $http_authorization;` (and the session cookie), or put them into proxy_cache_key.",
	Source: docs + "http/ngx_http_proxy_module.html#proxy_no_cache",
	check: func(c *check) {
		for _, kind := range []string{"proxy", "fastcgi", "uwsgi", "scgi"} {
			c.each(func(p *conf.Node) {
				b := p.Parent
				cache := b.Value(kind + "_cache")
				if cache == nil || cache.Arg(0) == "off" {
					return
				}
				key := b.Value(kind + "_cache_key")
				if key != nil && c.depends(strings.Join(key.Args, ""), "http_authorization") {
					return
				}
				if clearsAuthorization(b, kind) {
					return
				}
				both := 0
				for _, name := range []string{"_no_cache", "_cache_bypass"} {
					for _, n := range b.Inherited(kind + name) {
						if c.depends(strings.Join(n.Args, ""), "http_authorization") {
							both++
							break
						}
					}
				}
				if both < 2 {
					c.at(cache, "answers to requests with Authorization are kept and given to others")
					return
				}
				for _, n := range b.Inherited(kind + "_ignore_headers") {
					if slices.ContainsFunc(n.Args, func(a string) bool { return strings.EqualFold(a, "Set-Cookie") }) && !c.cookieKnown(b, kind) {
						c.at(n, "answers that set a cookie are kept, and the cookie with them")
					}
				}
			}, kind+"_pass")
		}
	},
}}

func (c *check) cookieKnown(b *conf.Node, kind string) bool {
	for _, h := range b.Inherited(kind + "_hide_header") {
		if strings.EqualFold(h.Arg(0), "Set-Cookie") {
			return true
		}
	}
	for _, name := range []string{"_no_cache", "_cache_key"} {
		for _, n := range b.Inherited(kind + name) {
			for _, variable := range conf.Variables(strings.Join(n.Args, "")) {
				if strings.Contains(variable, "cookie") {
					return true
				}
			}
		}
	}
	return false
}

// depends tells whether a variable has a say in a string: as a part of it, or as what a
// map looks at.
func (c *check) depends(s, variable string) bool {
	seen := map[string]bool{}
	var ask func(string) bool
	ask = func(s string) bool {
		for _, name := range conf.Variables(s) {
			if name == variable {
				return true
			}
			if seen[name] {
				continue
			}
			seen[name] = true
			for _, d := range c.cfg.Definitions(name) {
				if d.Name == "set" && ask(d.Arg(1)) || d.Name == "map" && ask(d.Arg(0)) {
					return true
				}
				if d.Name == "map" {
					for _, e := range conf.MapEntries(d) {
						if ask(e.Value) {
							return true
						}
					}
				}
			}
		}
		return false
	}
	return ask(s)
}

func clearsAuthorization(b *conf.Node, kind string) bool {
	for _, h := range b.Inherited(kind + "_set_header") {
		if strings.EqualFold(h.Arg(0), "Authorization") && h.Arg(1) == "" {
			return true
		}
	}
	return false
}

// longExpires says how long pages are kept by an expires directive, or "".
func (c *check) longExpires(e *conf.Node) string {
	value := strings.Join(e.Args, " ")
	if variables := conf.Variables(value); len(variables) == 1 {
		value = ""
		for _, d := range c.cfg.Definitions(variables[0]) {
			if d.Name == "map" {
				value = c.forHTML(d)
			}
		}
	}
	switch {
	case value == "max":
		return "expires max"
	case value == "" || value == "off" || value == "epoch" || strings.HasPrefix(value, "-") || strings.HasPrefix(value, "0") || strings.HasPrefix(value, "@"):
		return ""
	}
	return "expires " + value
}

// longCacheControl says the same of a Cache-Control header.
func (c *check) longCacheControl(value string) string {
	if variables := conf.Variables(value); len(variables) == 1 && value == "$"+variables[0] {
		for _, d := range c.cfg.Definitions(variables[0]) {
			if d.Name == "map" {
				value = c.forHTML(d)
			}
		}
	}
	low := strings.ToLower(value)
	if strings.Contains(low, "no-cache") || strings.Contains(low, "no-store") {
		return ""
	}
	for _, part := range strings.Split(low, ",") {
		part = strings.TrimSpace(part)
		if part == "immutable" {
			return value
		}
		if age, ok := strings.CutPrefix(part, "max-age="); ok {
			if n, err := strconv.Atoi(age); err == nil && n > 0 {
				return value
			}
		}
	}
	return ""
}

// forHTML is what a map gives for a page: by its type, or by its path.
func (c *check) forHTML(m *conf.Node) string {
	byPath := c.flows(m.Arg(0), "uri") || c.flows(m.Arg(0), "request_uri")
	if !byPath && !strings.Contains(m.Arg(0), "content_type") {
		return ""
	}
	page := "text/html"
	if byPath {
		page = "/index.html"
	}
	def := ""
	for _, e := range conf.MapEntries(m) {
		switch {
		case e.Default:
			def = e.Value
		case e.Regex:
			if _, _, ok := routes.Compile(e.Key, e.NoCase).Match(page); ok {
				return e.Value
			}
		case strings.EqualFold(e.Key, page):
			return e.Value
		}
	}
	return def
}
