package routes

import (
	"strings"

	"drydock/internal/gateway/lint/conf"
)

// Modifier is how a location is written.
type Modifier string

// The modifiers of a location. A named location is written with @.
const (
	Prefix      Modifier = ""
	Exact       Modifier = "="
	PrefixFinal Modifier = "^~"
	Regex       Modifier = "~"
	RegexNoCase Modifier = "~*"
	Named       Modifier = "@"
)

// LocationOf reads the modifier and the path (or pattern, or name) of a location.
func LocationOf(n *conf.Node) (Modifier, string) {
	if len(n.Args) >= 2 {
		return Modifier(n.Args[0]), n.Args[1]
	}
	a := n.Arg(0)
	// nginx also reads the modifier and the path in one word.
	switch {
	case strings.HasPrefix(a, "@"):
		return Named, a
	case strings.HasPrefix(a, "="):
		return Exact, a[1:]
	case strings.HasPrefix(a, "^~"):
		return PrefixFinal, a[2:]
	case strings.HasPrefix(a, "~*"):
		return RegexNoCase, a[2:]
	case strings.HasPrefix(a, "~"):
		return Regex, a[1:]
	}
	return Prefix, a
}

// Found is the result of a search for a location.
type Found struct {
	Location *conf.Node // nil: no location of the server matches
	// Redirect: the path is that of a proxied prefix location without its last slash;
	// nginx answers 301.
	Redirect bool
	Groups   []string // captures, if a regular expression decided
	Names    map[string]string
	// Undecided is a regular expression that cannot be judged here, met before
	// anything else was certain.
	Undecided *conf.Node
	Tried     []*conf.Node // regular expressions that did not match
}

// Find looks for the location of a path (normalised, without the query) in a server, or
// below a location, as ngx_http_core_find_location does.
func Find(block *conf.Node, path string) Found {
	var best *conf.Node
	bestLen := -1
	var regexes []*conf.Node
	var redirect *conf.Node
	for _, l := range block.All("location") {
		mod, name := LocationOf(l)
		switch mod {
		case Exact:
			if path == name {
				return Found{Location: l}
			}
			if redirects(l, name) && path+"/" == name {
				redirect = l
			}
		case Prefix, PrefixFinal:
			if strings.HasPrefix(path, name) && len(name) > bestLen {
				best, bestLen = l, len(name)
			}
			if redirects(l, name) && path+"/" == name {
				redirect = l
			}
		case Regex, RegexNoCase:
			regexes = append(regexes, l)
		}
	}
	if redirect != nil && bestLen < len(path) {
		return Found{Location: redirect, Redirect: true}
	}
	found := Found{Location: best}
	final := false
	if best != nil {
		mod, _ := LocationOf(best)
		final = mod == PrefixFinal
		inner := Find(best, path)
		if inner.Location != nil {
			innerMod, _ := LocationOf(inner.Location)
			if inner.Redirect || innerMod == Exact || innerMod == Regex || innerMod == RegexNoCase || inner.Undecided != nil {
				return inner
			}
			found = inner
		} else if inner.Undecided != nil {
			return inner
		}
		found.Tried = inner.Tried
	}
	if final {
		return found
	}
	for _, l := range regexes {
		mod, pattern := LocationOf(l)
		p := Compile(pattern, mod == RegexNoCase)
		if p.Impossible(path) {
			found.Tried = append(found.Tried, l)
			continue
		}
		if !p.Decidable {
			found.Undecided = l
			return found
		}
		groups, names, ok := p.Match(path)
		if !ok {
			found.Tried = append(found.Tried, l)
			continue
		}
		out := Found{Location: l, Groups: groups, Names: names, Tried: found.Tried}
		if inner := Find(l, path); inner.Location != nil && !inner.Redirect {
			inner.Tried = append(found.Tried, inner.Tried...)
			if inner.Groups == nil {
				inner.Groups, inner.Names = groups, names
			}
			return inner
		} else if inner.Redirect || inner.Undecided != nil {
			return inner
		}
		return out
	}
	return found
}

var passes = []string{"proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass"}

// redirects tells whether nginx adds the missing slash itself: for a location that ends
// in one and passes requests on.
func redirects(l *conf.Node, name string) bool {
	return strings.HasSuffix(name, "/") && Pass(l) != nil
}

// Pass is the directive of a block that hands the request to an upstream, or nil. It is
// not inherited, except by an `if` in the location.
func Pass(block *conf.Node) *conf.Node {
	for p := block; p != nil; p = p.Parent {
		for _, name := range passes {
			if n := p.Last(name); n != nil {
				return n
			}
		}
		if p.Name != "if" && p.Name != "limit_except" {
			return nil
		}
	}
	return nil
}
