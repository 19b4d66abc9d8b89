package conf

import (
	"net"
	"slices"
	"strings"
)

// index notes upstreams and the places where variables get a value.
func (c *Config) index() {
	c.Root.index()
	c.known = map[string]valueSet{}
	c.ups, c.vars = map[string]*Node{}, map[string][]*Node{}
	c.Root.Walk(func(n *Node) bool {
		if n.Param {
			return false
		}
		switch n.Name {
		case "upstream":
			if n.Within("http") {
				c.ups[strings.ToLower(n.Arg(0))] = n
			}
		case "map", "split_clients":
			if len(n.Args) == 2 {
				c.define(n.Args[1], n)
			}
		case "geo":
			c.define(n.Arg(len(n.Args)-1), n)
		case "set", "js_set", "set_by_lua_block", "perl_set", "js_var", "auth_request_set":
			c.define(n.Arg(0), n)
		}
		return true
	})
}

func (c *Config) define(name string, n *Node) {
	name = strings.TrimPrefix(name, "$")
	c.vars[name] = append(c.vars[name], n)
}

// Upstream is the upstream block with this name in http, or nil.
func (c *Config) Upstream(name string) *Node { return c.ups[strings.ToLower(name)] }

// Definitions are the directives that give the variable (without $) its value.
func (c *Config) Definitions(variable string) []*Node { return c.vars[variable] }

// Variables are the names of the variables in a string, without $. ${name} is read as
// well; a $ that begins no name is text.
func Variables(s string) []string {
	var out []string
	for _, p := range Parts(s) {
		if p.Var && !slices.Contains(out, p.Text) {
			out = append(out, p.Text)
		}
	}
	return out
}

// Part is a piece of a string: text, or a variable's name.
type Part struct {
	Text string
	Var  bool
}

// Parts splits a string into text and variables.
func Parts(s string) []Part {
	var out []Part
	text := strings.Builder{}
	flush := func() {
		if text.Len() > 0 {
			out = append(out, Part{Text: text.String()})
			text.Reset()
		}
	}
	for i := 0; i < len(s); i++ {
		if s[i] != '$' {
			text.WriteByte(s[i])
			continue
		}
		j := i + 1
		braces := j < len(s) && s[j] == '{'
		if braces {
			j++
		}
		k := j
		for k < len(s) && (s[k] == '_' || s[k] >= '0' && s[k] <= '9' || s[k]|0x20 >= 'a' && s[k]|0x20 <= 'z') {
			k++
			if !braces && k == j+1 && s[j] >= '1' && s[j] <= '9' {
				break // a capture is one digit
			}
		}
		if k == j || braces && (k >= len(s) || s[k] != '}') {
			text.WriteByte('$')
			continue
		}
		flush()
		out = append(out, Part{Text: s[j:k], Var: true})
		if braces {
			k++
		}
		i = k - 1
	}
	flush()
	return out
}

// MapEntry is one line of a map.
type MapEntry struct {
	Key     string
	Value   string
	Regex   bool // Key is the pattern, without ~ or ~*
	NoCase  bool
	Default bool
	Node    *Node
}

// MapEntries are the lines of a map, geo or split_clients block that give a value.
func MapEntries(m *Node) []MapEntry {
	var out []MapEntry
	for _, p := range m.Children {
		if len(p.Args) != 1 || m.Name == "geo" && slices.Contains([]string{"delete", "proxy", "include"}, p.Name) {
			continue
		}
		e := MapEntry{Key: p.Name, Value: p.Args[0], Node: p}
		switch {
		case p.Name == "default" || m.Name == "split_clients" && p.Name == "*":
			e.Default = true
		case m.Name == "map" && strings.HasPrefix(p.Name, "~*"):
			e.Regex, e.NoCase, e.Key = true, true, p.Name[2:]
		case m.Name == "map" && strings.HasPrefix(p.Name, "~"):
			e.Regex, e.Key = true, p.Name[1:]
		case m.Name == "map" && strings.HasPrefix(p.Name, `\`):
			e.Key = p.Name[1:]
		}
		out = append(out, e)
	}
	return out
}

// maxValues is how many values a string may have before they count as "any".
const maxValues = 1000

// Values are all values that a string can have, if its variables come from maps, geo,
// split_clients or set with constant values only; otherwise false.
func (c *Config) Values(s string) ([]string, bool) {
	out := []string{""}
	for _, p := range Parts(s) {
		next := []string{p.Text}
		if p.Var {
			var ok bool
			if next, ok = c.variableValues(p.Text); !ok {
				return nil, false
			}
		}
		if len(out)*len(next) > maxValues {
			return nil, false
		}
		var joined []string
		for _, a := range out {
			for _, b := range next {
				if len(a)+len(b) > 4096 {
					return nil, false
				}
				joined = append(joined, a+b)
			}
		}
		out = joined
	}
	return out, true
}

type valueSet struct {
	values []string
	ok     bool
}

// variableValues works each variable out once. One that is defined by itself is
// unknown, which is also what it is while it is being worked out.
func (c *Config) variableValues(name string) ([]string, bool) {
	if v, ok := c.known[name]; ok {
		return v.values, v.ok
	}
	c.known[name] = valueSet{}
	values, ok := c.definedValues(name)
	c.known[name] = valueSet{values, ok}
	return values, ok
}

func (c *Config) definedValues(name string) ([]string, bool) {
	defs := c.vars[name]
	if len(defs) == 0 {
		return nil, false
	}
	var out []string
	seen := map[string]bool{}
	put := func(v string) {
		if !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	add := func(s string) bool {
		vs, ok := c.Values(s)
		for _, v := range vs {
			put(v)
		}
		return ok && len(out) <= maxValues
	}
	for _, d := range defs {
		switch d.Name {
		case "map", "geo", "split_clients":
			sawDefault := false
			for _, e := range MapEntries(d) {
				sawDefault = sawDefault || e.Default
				if !add(e.Value) {
					return nil, false
				}
			}
			if !sawDefault && d.Name != "split_clients" {
				put("")
			}
		case "set":
			if !add(d.Arg(1)) {
				return nil, false
			}
		default:
			return nil, false
		}
	}
	return out, true
}

// Target is the parsed argument of proxy_pass and its relatives.
type Target struct {
	Scheme string // http, https, grpc...; "" if the whole is a variable
	Host   string // as written: a name, an address, or with variables
	Port   string
	Unix   bool
	URI    string // what follows host and port; "" means that nothing does
	HasURI bool
}

// ParseTarget splits http://host:port/uri.
func ParseTarget(s string) Target {
	var t Target
	rest := s
	if scheme, after, ok := strings.Cut(s, "://"); ok {
		t.Scheme, rest = strings.ToLower(scheme), after
	}
	if r, ok := strings.CutPrefix(rest, "unix:"); ok {
		t.Unix = true
		sock, uri, ok := strings.Cut(r, ":")
		t.Host, t.URI, t.HasURI = sock, uri, ok
		return t
	}
	host := rest
	end := strings.IndexAny(rest, "/?")
	for _, path := range []string{"$request_uri", "$uri", "$document_uri", "${request_uri}", "${uri}"} {
		// These begin with a slash, so the host ends before them.
		if i := strings.Index(rest, path); i > 0 && (end < 0 || i < end) {
			end = i
		}
	}
	if end >= 0 && t.Scheme != "" {
		host, t.URI, t.HasURI = rest[:end], rest[end:], true
	}
	t.Host = host
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") && !strings.Contains(host[i:], "}") {
		t.Host, t.Port = host[:i], host[i+1:]
	}
	return t
}

// IsAddress tells whether a host is an address, not a name.
func IsAddress(host string) bool { return net.ParseIP(strings.Trim(host, "[]")) != nil }
