package lint

import (
	"regexp"
	"regexp/syntax"
	"strings"

	"drydock/internal/gateway/lint/conf"
	"drydock/internal/gateway/routes"
)

var (
	pathLike = regexp.MustCompile(`^/[A-Za-z0-9_(\[-]`)
	openEnd  = regexp.MustCompile(`\\\.(\w+|\((\?:)?\w+(\|\w+)*\))$`)
)

var regexRules = []Rule{{
	ID: "regex-anchors", Title: "A pattern that matches more than it looks like", Severity: Warning,
	Why:    "A pattern matches anywhere in the path: `~ /api` also takes /files/api, and `~ \\.php` takes /upload/x.php.txt or /x.phps, with whatever handling or rights that brings.",
	Fix:    "Begin a path with ^ and end an extension with $ (or (/|$)); for a plain beginning, a prefix location is simpler and faster.",
	Source: docs + "http/ngx_http_core_module.html#location",
	check: func(c *check) {
		c.locations(func(l *conf.Node) {
			mod, pattern := routes.LocationOf(l)
			if mod != routes.Regex && mod != routes.RegexNoCase {
				return
			}
			p := strings.ReplaceAll(pattern, `\/`, "/")
			switch {
			case pathLike.MatchString(p) && !openEnded(p):
				c.at(l, "the pattern %s matches in the middle of a path: ^ is missing", pattern)
			case openEnd.MatchString(p):
				c.at(l, "the pattern %s matches before more characters: $ is missing", pattern)
			}
		})
	},
}, {
	ID: "regex-catastrophic", Title: "A pattern that can take for ever", Severity: Error,
	Why:    "A repetition of a repetition, such as (a+)+, can be tried in exponentially many ways. One request with the right path keeps a worker busy until PCRE gives up, and a few of them all workers.",
	Fix:    "Repeat only once: [a-z/]+ in place of ([a-z]+/?)+.",
	Source: "https://owasp.org/www-community/attacks/Regular_expression_Denial_of_Service_-_ReDoS",
	check: func(c *check) {
		judge := func(n *conf.Node, pattern string) {
			if nested(pattern) {
				c.at(n, "the pattern %s repeats a repetition", pattern)
			}
		}
		c.each(func(n *conf.Node) {
			switch n.Name {
			case "location":
				if mod, p := routes.LocationOf(n); mod == routes.Regex || mod == routes.RegexNoCase {
					judge(n, p)
				}
			case "rewrite":
				judge(n, n.Arg(0))
			case "if":
				if len(n.Args) == 3 && strings.Contains(n.Args[1], "~") {
					judge(n, n.Args[2])
				}
			case "map":
				for _, e := range conf.MapEntries(n) {
					if e.Regex {
						judge(e.Node, e.Key)
					}
				}
			case "server_name":
				for _, a := range n.Args {
					if p, ok := strings.CutPrefix(a, "~"); ok {
						judge(n, p)
					}
				}
			}
		}, "location", "rewrite", "if", "map", "server_name")
	},
}}

// openEnded: /x/.*\.ext$ is a pattern for files in any such folder, which is meant so.
func openEnded(p string) bool { return strings.HasSuffix(p, "$") && strings.Contains(p, `\.`) }

var lookaround = strings.NewReplacer("(?:", "(", "(?=", "(", "(?!", "(", "(?<=", "(", "(?<!", "(")

// nested tells whether a pattern has a repetition that can be divided among an outer
// one in more than one way.
func nested(pattern string) bool {
	re, err := syntax.Parse(lookaround.Replace(pattern), syntax.Perl)
	if err != nil {
		return false
	}
	found := false
	var walk func(*syntax.Regexp)
	walk = func(r *syntax.Regexp) {
		if unbounded(r) && ambiguous(r.Sub[0]) {
			found = true
		}
		for _, s := range r.Sub {
			walk(s)
		}
	}
	walk(re)
	return found
}

func unbounded(r *syntax.Regexp) bool {
	return r.Op == syntax.OpStar || r.Op == syntax.OpPlus || r.Op == syntax.OpRepeat && r.Max == -1
}

// ambiguous: what is repeated is itself a repetition, with nothing beside it that tells
// where one ends and the next begins.
func ambiguous(r *syntax.Regexp) bool {
	switch {
	case r.Op == syntax.OpCapture:
		return ambiguous(r.Sub[0])
	case unbounded(r):
		return true
	case r.Op == syntax.OpAlternate:
		for _, s := range r.Sub {
			if ambiguous(s) {
				return true
			}
		}
	case r.Op == syntax.OpConcat:
		for i, s := range r.Sub {
			inner := s
			for inner.Op == syntax.OpCapture {
				inner = inner.Sub[0]
			}
			if !unbounded(inner) {
				continue
			}
			separated := false
			for j, other := range r.Sub {
				if j != i && !nullable(other) && !overlaps(inner.Sub[0], other) {
					separated = true
				}
			}
			if !separated {
				return true
			}
		}
	}
	return false
}

func nullable(r *syntax.Regexp) bool {
	switch r.Op {
	case syntax.OpEmptyMatch, syntax.OpStar, syntax.OpQuest, syntax.OpBeginText, syntax.OpEndText, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return true
	case syntax.OpRepeat:
		return r.Min == 0 || nullable(r.Sub[0])
	case syntax.OpCapture, syntax.OpPlus:
		return nullable(r.Sub[0])
	case syntax.OpConcat:
		for _, s := range r.Sub {
			if !nullable(s) {
				return false
			}
		}
		return true
	case syntax.OpAlternate:
		for _, s := range r.Sub {
			if nullable(s) {
				return true
			}
		}
	}
	return false
}

// overlaps tells whether what a repetition takes could be all of the other piece too.
func overlaps(repeated, other *syntax.Regexp) bool {
	set := func(r *syntax.Regexp, f func(rune) bool) bool {
		switch r.Op {
		case syntax.OpLiteral:
			for _, c := range r.Rune {
				if !f(c) {
					return false
				}
			}
			return true
		case syntax.OpCharClass:
			for i := 0; i+1 < len(r.Rune); i += 2 {
				if f(r.Rune[i]) || f(r.Rune[i+1]) {
					return true
				}
			}
			return false
		case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
			return true
		}
		return false
	}
	var takes func(r *syntax.Regexp, c rune) bool
	takes = func(r *syntax.Regexp, c rune) bool {
		switch r.Op {
		case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
			return true
		case syntax.OpCharClass:
			return inClass(r, c)
		case syntax.OpLiteral:
			for _, l := range r.Rune {
				if l == c {
					return true
				}
			}
			return false
		}
		for _, s := range r.Sub {
			if takes(s, c) {
				return true
			}
		}
		return false
	}
	inner := other
	for inner.Op == syntax.OpCapture || inner.Op == syntax.OpPlus || inner.Op == syntax.OpRepeat {
		inner = inner.Sub[0]
	}
	return set(inner, func(c rune) bool { return takes(repeated, c) })
}
