package lint

import (
	"regexp/syntax"
	"strings"

	"drydock/internal/gateway/lint/conf"
	"drydock/internal/gateway/routes"
)

var clientRules = []Rule{{
	ID: "open-proxy", Title: "The client chooses the host that a request is sent to", Severity: Error,
	Why:    "Whoever names the host reaches everything that the gateway reaches: other services, the metadata address of a cloud, the database's port.",
	Fix:    "Choose among known upstreams with a map, or make the location `internal` and let the application decide.",
	Source: "https://owasp.org/www-community/attacks/Server_Side_Request_Forgery",
	check: func(c *check) {
		c.each(func(n *conf.Node) {
			l := n.Up("location")
			if l != nil && l.Last("internal") != nil {
				return
			}
			host := conf.ParseTarget(n.Arg(0)).Host
			if name := c.chosen(host, n, map[string]bool{}); name != "" {
				c.at(n, "$%s is part of the host, and is what the client writes", name)
			}
		}, passNames...)
	},
}, {
	ID: "origin-regex", Title: "A check of Origin or Referer that a foreign site passes", Severity: Error,
	Why:    "Without an anchor at both ends, `example\\.com` also matches https://example.com.evil.net and https://evil.net/?example.com; with an unescaped dot, exampleXcom.",
	Fix:    "Match the whole value: ^https://([a-z0-9-]+\\.)?example\\.com$ (a Referer goes on with / after the host).",
	Source: "https://owasp.org/www-community/attacks/csrf",
	check: func(c *check) {
		look := func(n *conf.Node, of, pattern string) {
			header := ""
			for _, name := range conf.Variables(of) {
				if name == "http_origin" || name == "http_referer" {
					header = name
				}
			}
			if header != "" && !exactOrigin(pattern) {
				c.at(n, "the pattern %s lets other sites pass as $%s", pattern, header)
			}
		}
		c.each(func(n *conf.Node) {
			if len(n.Args) == 3 && strings.Contains(n.Args[1], "~") {
				look(n, n.Args[0], n.Args[2])
			}
		}, "if")
		c.each(func(n *conf.Node) {
			for _, e := range conf.MapEntries(n) {
				if e.Regex && e.Value != "" && e.Value != "0" {
					look(e.Node, n.Arg(0), e.Key)
				}
			}
		}, "map")
	},
}, {
	ID: "header-multiline", Title: "A header over more than one line", Severity: Error,
	Why:    "A line break inside of a header is not allowed in HTTP/2 and 3 and obsolete in HTTP/1.1: clients drop the answer or the header.",
	Fix:    "Write the value in one line, or build it from variables.",
	Source: "https://www.rfc-editor.org/rfc/rfc9112#section-5.2",
	check: func(c *check) {
		c.each(func(n *conf.Node) {
			if strings.ContainsAny(n.Arg(1), "\n\r") {
				c.at(n, "the value of %s holds a line break", n.Arg(0))
			}
		}, "add_header", "proxy_set_header", "grpc_set_header")
	},
}, {
	ID: "redirect-http", Title: "A redirect from TLS to plain HTTP", Severity: Warning,
	Why:    "The next request, with its cookies, is readable and changeable by everybody on the way.",
	Fix:    "Redirect to https:// or $scheme://.",
	Source: docs + "http/ngx_http_rewrite_module.html#return",
	check: func(c *check) {
		for _, s := range tlsServers(c) {
			s.Walk(func(n *conf.Node) bool {
				if (n.Name == "return" || n.Name == "rewrite") && strings.HasPrefix(redirectOf(n), "http://") {
					c.at(n, "the redirect leads to http://")
				}
				return !n.Param
			})
		}
	},
}}

// chosen names the variable of a host that the client writes, or is "".
func (c *check) chosen(s string, at *conf.Node, seen map[string]bool) string {
	for _, name := range conf.Variables(s) {
		if seen[name] {
			continue
		}
		seen[name] = true
		defs := c.cfg.Definitions(name)
		for _, d := range defs {
			switch d.Name {
			case "set":
				if by := c.chosen(d.Arg(1), d, seen); by != "" {
					return by
				}
			case "map":
				for _, e := range conf.MapEntries(d) {
					if by := c.chosen(e.Value, d, seen); by != "" && !usesCapture(e) {
						return by
					}
				}
			}
		}
		if len(defs) > 0 {
			continue
		}
		switch {
		case strings.HasPrefix(name, "arg_"), strings.HasPrefix(name, "cookie_"), name == "args", name == "query_string", name == "host":
			return name
		case strings.HasPrefix(name, "http_"):
			return name
		}
		if pattern := patternOf(name, at); pattern != "" && freeHost(pattern, name) {
			return name
		}
	}
	return ""
}

// patternOf is the pattern of the location or rewrite that a capture comes from.
func patternOf(name string, at *conf.Node) string {
	number := len(name) == 1 && name[0] >= '1' && name[0] <= '9'
	has := func(p string) bool { return number && strings.Contains(p, "(") || strings.Contains(p, "<"+name+">") }
	for n := at; n != nil && n.Parent != nil; n = n.Parent {
		for i := indexOf(n.Parent.Children, n) - 1; i >= 0; i-- {
			if d := n.Parent.Children[i]; d.Name == "rewrite" && has(d.Arg(0)) {
				return d.Arg(0)
			}
		}
		if n.Name == "location" {
			if mod, p := routes.LocationOf(n); (mod == routes.Regex || mod == routes.RegexNoCase) && has(p) {
				return p
			}
		}
	}
	return ""
}

// freeHost tells whether a group can match a name of the client's choice: what has no
// dot and no colon in it can only be a name inside.
func freeHost(pattern, name string) bool {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return false
	}
	free := false
	var walk func(r *syntax.Regexp, inside bool)
	walk = func(r *syntax.Regexp, inside bool) {
		if r.Op == syntax.OpCapture && (r.Name == name || len(name) == 1 && r.Cap == int(name[0]-'0')) {
			inside = true
		}
		if inside {
			switch r.Op {
			case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
				free = true
			case syntax.OpCharClass:
				free = free || inClass(r, '.') || inClass(r, '/') || inClass(r, ':')
			}
		}
		for _, s := range r.Sub {
			walk(s, inside)
		}
	}
	walk(re, false)
	return free
}

// exactOrigin tells whether a pattern fixes the scheme and the whole host.
func exactOrigin(pattern string) bool {
	p := strings.ReplaceAll(pattern, `\/`, "/")
	if !namesHost(pattern) {
		return true // says nothing about whose it is
	}
	if !strings.HasPrefix(p, "^") {
		return false
	}
	ends := strings.HasSuffix(p, "$")
	// For a Referer it is enough that the host is closed by a slash.
	if _, rest, ok := strings.Cut(p, "://"); !ends && (!ok || !strings.Contains(rest, "/") && !strings.Contains(rest, "$")) {
		return false
	}
	// Foreign hosts that would pass through a dot that is not escaped.
	compiled := routes.Compile(pattern, false)
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil || !compiled.Decidable {
		return true
	}
	return !dotBeforeWord(re)
}

// namesHost tells whether a pattern holds text that can be (a part of) a host.
func namesHost(pattern string) bool {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return false
	}
	found := false
	var walk func(*syntax.Regexp)
	walk = func(r *syntax.Regexp) {
		if r.Op == syntax.OpLiteral {
			text := string(r.Rune)
			for _, scheme := range []string{"https", "http", "www"} {
				text = strings.ReplaceAll(text, scheme, "")
			}
			letters := 0
			for _, c := range text {
				if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
					letters++
				}
			}
			found = found || letters >= 2
		}
		for _, s := range r.Sub {
			walk(s)
		}
	}
	walk(re)
	return found
}

// dotBeforeWord finds a dot for any character between two pieces of text, which was
// meant as the dot of a host.
func dotBeforeWord(r *syntax.Regexp) bool {
	if r.Op == syntax.OpConcat {
		for i := 1; i+1 < len(r.Sub); i++ {
			if op := r.Sub[i].Op; (op == syntax.OpAnyChar || op == syntax.OpAnyCharNotNL) && r.Sub[i-1].Op == syntax.OpLiteral && r.Sub[i+1].Op == syntax.OpLiteral {
				return true
			}
		}
	}
	for _, s := range r.Sub {
		if dotBeforeWord(s) {
			return true
		}
	}
	return false
}
