package routes

import (
	"net/url"
	"strconv"
	"strings"

	"drydock/internal/gateway/lint/conf"
)

// value is a string that is known, or the name of what it depends on.
type value struct {
	text string
	on   string // not empty: unknown, since it depends on this
}

// maxText is longer than any address or header that nginx accepts.
const maxText = 1 << 16

// expand evaluates a string of the configuration.
func (r *run) expand(s string) value { return r.expandAt(s, 0) }

func (r *run) expandAt(s string, depth int) value {
	var b strings.Builder
	for _, p := range conf.Parts(s) {
		if !p.Var {
			b.WriteString(p.Text)
			continue
		}
		v := r.variable(p.Text, depth)
		if v.on != "" {
			return v
		}
		b.WriteString(v.text)
		if b.Len() > maxText {
			return value{on: "$" + p.Text}
		}
	}
	return value{text: b.String()}
}

func (r *run) variable(name string, depth int) value {
	// Variables that refer to each other could be followed for ever.
	if r.looked++; depth > 20 || r.looked > 20_000 {
		return value{on: "$" + name}
	}
	if n, err := strconv.Atoi(name); err == nil {
		if n < len(r.groups) {
			return value{text: r.groups[n]}
		}
		return value{}
	}
	if v, ok := r.names[name]; ok {
		return value{text: v}
	}
	if v, ok := r.sets[name]; ok {
		return v
	}
	for _, d := range r.cfg.Definitions(name) {
		if d.Name == "map" {
			return r.mapped(d, name, depth)
		}
		if d.Name == "set" {
			continue
		}
		return value{on: "$" + name}
	}
	if v, ok := r.builtin(name); ok {
		return v
	}
	if len(r.cfg.Definitions(name)) > 0 {
		return value{} // set somewhere that this request did not pass
	}
	return value{on: "$" + name}
}

func (r *run) builtin(name string) (value, bool) {
	switch name {
	case "uri", "document_uri":
		return value{text: r.uri}, true
	case "request_uri":
		return value{text: r.raw}, true
	case "args", "query_string":
		return value{text: r.args}, true
	case "is_args":
		if r.args != "" {
			return value{text: "?"}, true
		}
		return value{}, true
	case "host":
		if r.host == "" {
			n := Names(r.server)[0]
			return value{text: n}, true
		}
		return value{text: r.host}, true
	case "http_host":
		return value{text: r.req.Host}, true
	case "scheme":
		return value{text: r.req.Scheme}, true
	case "https":
		if r.req.Scheme == "https" {
			return value{text: "on"}, true
		}
		return value{}, true
	case "request_method":
		return value{text: r.req.Method}, true
	case "server_port":
		return value{text: strconv.Itoa(r.req.Port)}, true
	case "server_name":
		return value{text: Names(r.server)[0]}, true
	case "request":
		return value{text: r.req.Method + " " + r.req.URI + " HTTP/1.1"}, true
	case "server_protocol":
		return value{text: "HTTP/1.1"}, true
	case "status":
		if r.status != 0 {
			return value{text: strconv.Itoa(r.status)}, true
		}
	}
	if h, ok := strings.CutPrefix(name, "http_"); ok {
		return value{text: r.header(h)}, true
	}
	if a, ok := strings.CutPrefix(name, "arg_"); ok {
		for _, pair := range strings.Split(r.args, "&") {
			if k, v, ok := strings.Cut(pair, "="); ok && strings.EqualFold(k, a) {
				return value{text: v}, true
			}
		}
		return value{}, true
	}
	if c, ok := strings.CutPrefix(name, "cookie_"); ok {
		for _, pair := range strings.Split(r.header("cookie"), ";") {
			if k, v, ok := strings.Cut(strings.TrimSpace(pair), "="); ok && k == c {
				return value{text: v}, true
			}
		}
		return value{}, true
	}
	return value{}, false
}

func (r *run) header(name string) string {
	for k, v := range r.req.Headers {
		if strings.EqualFold(strings.ReplaceAll(k, "-", "_"), name) {
			return v
		}
	}
	return ""
}

// mapped evaluates a map: the exact strings first (without regard to case, as nginx
// compares them), then the patterns in order, then the default.
func (r *run) mapped(m *conf.Node, name string, depth int) value {
	in := r.expandAt(m.Arg(0), depth+1)
	if in.on != "" {
		return value{on: "$" + name + " (by " + in.on + ")"}
	}
	entries := conf.MapEntries(m)
	result := ""
	hostnames := false
	for _, c := range m.Children {
		hostnames = hostnames || c.Name == "hostnames" && len(c.Args) == 0
	}
	rank, length := 0, 0
	hit := false
	for _, e := range entries {
		if e.Regex || e.Default {
			continue
		}
		if strings.EqualFold(e.Key, in.text) {
			return r.expandAt(e.Value, depth+1)
		}
		if hostnames {
			if k, n := nameRank(strings.ToLower(e.Key), strings.ToLower(in.text)); k > rank || k == rank && k > 0 && n > length {
				rank, length, result, hit = k, n, e.Value, true
			}
		}
	}
	if hit {
		return r.expandAt(result, depth+1)
	}
	for _, e := range entries {
		if !e.Regex {
			continue
		}
		p := Compile(e.Key, e.NoCase)
		if !p.Decidable {
			return value{on: "$" + name + " (by the pattern " + e.Key + ", which only nginx can judge)"}
		}
		if groups, names, ok := p.Match(in.text); ok {
			was, had := r.groups, r.names
			r.groups, r.names = groups, merge(had, names)
			v := r.expandAt(e.Value, depth+1)
			r.groups, r.names = was, had
			return v
		}
	}
	for _, e := range entries {
		if e.Default {
			return r.expandAt(e.Value, depth+1)
		}
	}
	return value{}
}

func merge(a, b map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range a {
		out[k] = v
	}
	for k, v := range b {
		out[k] = v
	}
	return out
}

// splitAbsolute takes the host out of a request line that holds a whole URL.
func splitAbsolute(uri string) (host, target string, ok bool) {
	low := strings.ToLower(uri)
	if !strings.HasPrefix(low, "http://") && !strings.HasPrefix(low, "https://") {
		return "", uri, true
	}
	_, rest, _ := strings.Cut(uri, "://")
	i := strings.IndexAny(rest, "/?#")
	if i < 0 {
		i = len(rest)
	}
	host, target = rest[:i], rest[i:]
	if _, err := url.Parse("//" + host); err != nil || host == "" {
		return "", "", false
	}
	if !strings.HasPrefix(target, "/") {
		target = "/" + target
	}
	return host, target, true
}
