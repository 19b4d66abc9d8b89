package lint

import (
	"regexp/syntax"
	"strings"

	"drydock/internal/gateway/lint/conf"
	"drydock/internal/gateway/routes"
)

var unreachableRules = []Rule{{
	ID: "location-unreachable", Title: "A location or directive that nothing ever reaches", Severity: Error,
	Why:    "It looks as if it did something. What it should have done, such as refusing, is done by nobody.",
	Fix:    "Take it out, or move it before what is in its way (patterns are tried in the order of the file).",
	Source: docs + "http/ngx_http_core_module.html#location",
	check: func(c *check) {
		for _, s := range c.cfg.Servers() {
			if ret := s.Last("return"); ret != nil {
				for _, l := range s.All("location") {
					if mod, _ := routes.LocationOf(l); mod != routes.Named {
						c.at(l, "the return at %s:%d answers before any location is looked for", ret.File, ret.Line)
					}
				}
				continue
			}
			shadowed(c, s)
		}
		c.locations(func(l *conf.Node) {
			ret := l.Last("return")
			if ret == nil {
				return
			}
			if p := routes.Pass(l); p != nil && p.Parent == l {
				c.at(p, "the return at %s:%d answers first", ret.File, ret.Line)
			} else if tf := l.Last("try_files"); tf != nil {
				c.at(tf, "the return at %s:%d answers first", ret.File, ret.Line)
			}
		})
	},
}}

func shadowed(c *check, block *conf.Node) {
	seen := map[string]*conf.Node{}
	type pattern struct {
		node *conf.Node
		text string
		fold bool
	}
	var earlier []pattern
	var everything *conf.Node
	list := block.All("location")
	for _, l := range list {
		shadowed(c, l)
		mod, name := routes.LocationOf(l)
		key := string(mod) + " " + name
		if mod == routes.PrefixFinal {
			key = " " + name // the same to nginx, which refuses the second
		}
		if first := seen[key]; first != nil {
			c.at(l, "the location is already at %s:%d", first.File, first.Line)
			continue
		}
		seen[key] = l
		if mod != routes.Regex && mod != routes.RegexNoCase {
			continue
		}
		fold := mod == routes.RegexNoCase
		hit := false
		for _, e := range earlier {
			if e.fold || !fold {
				if covers(e.text, name, e.fold) {
					c.at(l, "the pattern %s at %s:%d takes all of it", e.text, e.node.File, e.node.Line)
					hit = true
					break
				}
			}
		}
		if !hit && block.Name == "server" {
			if start := routes.PlainStart(name); start != "" && !fold {
				for _, p := range list {
					if m, prefix := routes.LocationOf(p); m == routes.PrefixFinal && strings.HasPrefix(start, prefix) && prefix != "/" && longestFinal(list, start, prefix) {
						c.at(l, "the location ^~ %s at %s:%d keeps patterns from being tried", prefix, p.File, p.Line)
						hit = true
						break
					}
				}
			}
		}
		earlier = append(earlier, pattern{l, name, fold})
		if everything == nil && matchesAll(name) {
			everything = l
		}
	}
	if everything == nil {
		return
	}
	for _, l := range list {
		if mod, name := routes.LocationOf(l); mod == routes.Prefix {
			if routes.Pass(l) != nil || l.Last("return") != nil || name != "/" {
				c.at(l, "the pattern at %s:%d takes every path before a plain prefix counts", everything.File, everything.Line)
			}
		}
	}
}

// longestFinal: no longer plain prefix can take paths with this start out of the ^~ one.
func longestFinal(list []*conf.Node, start, prefix string) bool {
	for _, l := range list {
		mod, name := routes.LocationOf(l)
		if mod == routes.Prefix && len(name) > len(prefix) && (strings.HasPrefix(start, name) || strings.HasPrefix(name, start)) {
			return false
		}
	}
	return true
}

func matchesAll(pattern string) bool {
	switch pattern {
	case "", "^", ".", ".*", "^.*$", "^.*", "/", "^/", "^/.*", "^/.*$", "/.*", "^/(.*)$", "^(.*)$", "(.*)":
		return true
	}
	return false
}

// covers tells whether every path that matches b matches a, where that is plain to see.
func covers(a, b string, fold bool) bool {
	if fold {
		a, b = strings.ToLower(a), strings.ToLower(b)
	}
	if matchesAll(a) {
		return true
	}
	if a == b {
		return true
	}
	if strings.ContainsAny(b, "|") && !strings.Contains(b, "(") {
		return false
	}
	// ^/api before ^/api/v2
	if start := routes.PlainStart(a); start != "" && "^"+start == strings.ReplaceAll(a, `\/`, "/") {
		return strings.HasPrefix(routes.PlainStart(b), start)
	}
	// \.(js|css)$ before \.js$
	outer, inner := endings(a), endings(b)
	if len(outer) == 0 || len(inner) == 0 {
		return false
	}
	for _, i := range inner {
		ok := false
		for _, o := range outer {
			ok = ok || strings.HasSuffix(i, o)
		}
		if !ok {
			return false
		}
	}
	return true
}

// endings are the endings that a pattern asks for, if it asks for nothing else.
func endings(pattern string) []string {
	re, err := syntax.Parse(strings.ReplaceAll(pattern, "(?:", "("), syntax.Perl)
	if err != nil {
		return nil
	}
	if re.Op != syntax.OpConcat || len(re.Sub) == 0 || re.Sub[len(re.Sub)-1].Op != syntax.OpEndText {
		return nil
	}
	out := []string{""}
	for _, s := range re.Sub[:len(re.Sub)-1] {
		words := language(s)
		if words == nil {
			return nil
		}
		var next []string
		for _, a := range out {
			for _, w := range words {
				next = append(next, a+w)
			}
		}
		if len(next) > 200 {
			return nil
		}
		out = next
	}
	return out
}

// language lists the strings of a small finite expression, nil for any other.
func language(r *syntax.Regexp) []string {
	switch r.Op {
	case syntax.OpLiteral:
		return []string{string(r.Rune)}
	case syntax.OpEmptyMatch:
		return []string{""}
	case syntax.OpCapture:
		return language(r.Sub[0])
	case syntax.OpQuest:
		if w := language(r.Sub[0]); w != nil {
			return append(w, "")
		}
	case syntax.OpCharClass:
		var out []string
		for i := 0; i+1 < len(r.Rune); i += 2 {
			for c := r.Rune[i]; c <= r.Rune[i+1]; c++ {
				if out = append(out, string(c)); len(out) > 20 {
					return nil
				}
			}
		}
		return out
	case syntax.OpAlternate:
		var out []string
		for _, s := range r.Sub {
			w := language(s)
			if w == nil {
				return nil
			}
			out = append(out, w...)
		}
		return out
	case syntax.OpConcat:
		out := []string{""}
		for _, s := range r.Sub {
			w := language(s)
			if w == nil {
				return nil
			}
			var next []string
			for _, a := range out {
				for _, b := range w {
					next = append(next, a+b)
				}
			}
			if len(next) > 200 {
				return nil
			}
			out = next
		}
		return out
	}
	return nil
}
