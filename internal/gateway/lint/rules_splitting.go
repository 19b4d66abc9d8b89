package lint

import (
	"regexp/syntax"
	"strings"

	"drydock/internal/gateway/lint/conf"
	"drydock/internal/gateway/routes"
)

var splittingRules = []Rule{{
	ID: "http-splitting", Title: "A decoded path can break a line in a header or request", Severity: Error,
	Why:    "$uri and $document_uri are decoded: %0d%0a in the request is a line break in them. In a Location or another header it begins a header of the client's choice, in a request to an upstream a second request. Captures of patterns that let a line break through do the same.",
	Fix:    "Use $request_uri, which is as the client wrote it, or let the pattern exclude line breaks, for example [^/\\s] in place of [^/].",
	Source: "https://owasp.org/www-community/attacks/HTTP_Response_Splitting",
	check: func(c *check) {
		look := func(n *conf.Node, s string) {
			if by := c.broken(s, n); by != "" {
				c.at(n, "%s can hold a line break", by)
			}
		}
		c.each(func(n *conf.Node) {
			// nginx encodes captures in a redirecting rewrite, but no variables.
			if url := redirectOf(n); n.Name == "rewrite" {
				for _, name := range conf.Variables(url) {
					if name == "uri" || name == "document_uri" {
						c.at(n, "$%s can hold a line break", name)
						return
					}
				}
			} else if url != "" {
				look(n, url)
			}
		}, "return", "rewrite")
		c.each(func(n *conf.Node) { look(n, n.Arg(1)) }, "add_header", "proxy_set_header", "grpc_set_header", "add_trailer")
		c.each(func(n *conf.Node) {
			if len(conf.Variables(n.Arg(0))) > 0 {
				look(n, n.Arg(0))
			}
		}, "proxy_pass")
	},
}}

// broken names the variable of a string that can hold a line break, or is "".
func (c *check) broken(s string, at *conf.Node) string {
	return c.breaks(s, at, map[visit]bool{})
}

// visit is a variable at a place: captures mean something else at each.
type visit struct {
	name string
	at   *conf.Node
}

func (c *check) breaks(s string, at *conf.Node, seen map[visit]bool) string {
	for _, name := range conf.Variables(s) {
		if name == "uri" || name == "document_uri" {
			return "$" + name
		}
		if seen[visit{name, at}] {
			continue
		}
		seen[visit{name, at}] = true
		for _, d := range c.cfg.Definitions(name) {
			switch d.Name {
			case "set":
				if c.breaks(d.Arg(1), d, seen) != "" {
					return "$" + name
				}
			case "map":
				in := c.breaks(d.Arg(0), d, seen) != ""
				for _, e := range conf.MapEntries(d) {
					if c.breaks(e.Value, d, seen) != "" && !usesCapture(e) {
						return "$" + name
					}
					if in && e.Regex && usesCapture(e) {
						for _, v := range conf.Variables(e.Value) {
							if captures(e.Key, v) {
								return "$" + name
							}
						}
					}
				}
			}
		}
		if c.captured(name, at, seen) {
			return "$" + name
		}
	}
	return ""
}

// captured tells whether a capture that is in force at a directive comes from the
// decoded path, by a pattern that lets a line break through.
func (c *check) captured(name string, at *conf.Node, seen map[visit]bool) bool {
	number := len(name) == 1 && name[0] >= '1' && name[0] <= '9'
	for n := at; n != nil; n = n.Parent {
		if n.Parent != nil {
			// Earlier lines of the same block: the last rewrite or if that captured.
			for i := indexOf(n.Parent.Children, n) - 1; i >= 0; i-- {
				if d := n.Parent.Children[i]; d.Name == "rewrite" && (number && strings.Contains(d.Arg(0), "(") || strings.Contains(d.Arg(0), "<"+name+">")) {
					return captures(d.Arg(0), name)
				}
			}
		}
		switch n.Name {
		case "if":
			if len(n.Args) == 3 && strings.HasPrefix(n.Args[1], "~") && (number && strings.Contains(n.Args[2], "(") || strings.Contains(n.Args[2], "<"+name+">")) {
				return c.breaks(n.Args[0], n.Parent, seen) != "" && captures(n.Args[2], name)
			}
		case "location":
			if mod, pattern := routes.LocationOf(n); mod == routes.Regex || mod == routes.RegexNoCase {
				if number && strings.Contains(pattern, "(") || strings.Contains(pattern, "<"+name+">") {
					return captures(pattern, name)
				}
			}
		}
	}
	return false
}

func indexOf(list []*conf.Node, n *conf.Node) int {
	for i, x := range list {
		if x == n {
			return i
		}
	}
	return 0
}

// captures tells whether the named or numbered group of a pattern can match a line break.
func captures(pattern, name string) bool {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return false
	}
	var found *syntax.Regexp
	var walk func(*syntax.Regexp)
	walk = func(r *syntax.Regexp) {
		if r.Op == syntax.OpCapture && (r.Name == name || len(name) == 1 && r.Cap == int(name[0]-'0')) {
			found = r
		}
		for _, s := range r.Sub {
			walk(s)
		}
	}
	walk(re)
	return found != nil && matchesNewline(found)
}

func matchesNewline(r *syntax.Regexp) bool {
	switch r.Op {
	case syntax.OpAnyChar:
		return true
	case syntax.OpCharClass:
		return inClass(r, '\n') || inClass(r, '\r')
	case syntax.OpLiteral:
		for _, c := range r.Rune {
			if c == '\n' || c == '\r' {
				return true
			}
		}
	case syntax.OpAnyCharNotNL:
		return false // a lone CR passes, but splits nothing
	}
	for _, s := range r.Sub {
		if matchesNewline(s) {
			return true
		}
	}
	return false
}

func inClass(r *syntax.Regexp, c rune) bool {
	for i := 0; i+1 < len(r.Rune); i += 2 {
		if r.Rune[i] <= c && c <= r.Rune[i+1] {
			return true
		}
	}
	return false
}
