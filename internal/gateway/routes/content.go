package routes

import (
	"path"
	"strconv"
	"strings"

	"drydock/internal/gateway/lint/conf"
)

// content answers the request: an upstream, a module, or a file.
func (r *run) content() {
	if tf := r.location.Value("try_files"); tf != nil && tf.Parent == r.locationOrServer() {
		r.tryFiles(tf)
		return
	}
	if p := Pass(r.location); p != nil {
		r.proxy(p)
		return
	}
	for _, name := range []string{"stub_status", "js_content", "content_by_lua_block", "content_by_lua_file", "empty_gif", "perl", "status", "api", "flv", "mp4"} {
		if n := r.location.Last(name); n != nil {
			r.note(n, "%s answers", name)
			r.finish(Handler, 0)
			return
		}
	}
	r.static()
}

func (r *run) locationOrServer() *conf.Node {
	if l := r.locationOnly(); l != nil {
		return l
	}
	return r.server
}

// proxy works out what goes upstream.
func (r *run) proxy(p *conf.Node) {
	arg := p.Arg(0)
	hasVariables := len(conf.Variables(arg)) > 0
	v := r.expand(arg)
	if v.on != "" {
		// The host may be unknown while the path is not.
		r.out.Upstream = arg
		r.note(p, "%s %s, which depends on %s", p.Name, arg, v.on)
		r.out.Depends = v.on
		if t := conf.ParseTarget(arg); !t.HasURI {
			r.out.URI = r.upstreamURI(t, hasVariables)
		}
		r.finish(Proxy, 0)
		return
	}
	t := conf.ParseTarget(v.text)
	r.out.Upstream = t.Host
	if t.Port != "" {
		r.out.Upstream += ":" + t.Port
	}
	if t.Scheme != "" {
		r.out.Upstream = t.Scheme + "://" + r.out.Upstream
	}
	switch p.Name {
	case "proxy_pass":
		r.out.URI = r.upstreamURI(t, hasVariables)
		r.note(p, "%s gets %s", r.out.Upstream, r.out.URI)
	default:
		r.note(p, "%s answers", r.out.Upstream)
	}
	r.finish(Proxy, 0)
	// The upstream's own status passes; an error_page keeps it unless it says `=`.
	if r.keep == 0 {
		r.out.Status = 0
	}
}

func (r *run) upstreamURI(t conf.Target, hasVariables bool) string {
	query := ""
	if r.args != "" {
		query = "?" + r.args
	}
	if hasVariables && t.HasURI {
		return t.URI
	}
	if !t.HasURI {
		if !r.rewrote {
			return r.raw
		}
		return escape(r.uri) + query
	}
	if r.inPlace {
		return escape(r.uri) + query
	}
	rest := r.uri
	if l := r.locationOnly(); l != nil {
		if mod, name := LocationOf(l); mod == Prefix || mod == PrefixFinal || mod == Exact {
			rest = strings.TrimPrefix(r.uri, name)
		}
	}
	if strings.Contains(r.raw, "%") || r.internal || r.rewrote {
		rest = escape(rest)
	}
	return t.URI + rest + query
}

// file is the path that root or alias makes of a path of the request.
func (r *run) file(uri string) value {
	for p := r.location; p != nil; p = p.Parent {
		if a := p.Last("alias"); a != nil {
			v := r.expand(a.Arg(0))
			l := r.locationOnly()
			if mod, name := LocationOf(l); v.on == "" && (mod == Prefix || mod == PrefixFinal || mod == Exact) {
				v.text += strings.TrimPrefix(uri, name)
			}
			return v
		}
		if root := p.Last("root"); root != nil {
			v := r.expand(root.Arg(0))
			if v.on == "" {
				v.text = strings.TrimSuffix(v.text, "/") + uri
			}
			return v
		}
	}
	return value{text: "html" + uri}
}

func (r *run) tryFiles(n *conf.Node) {
	for i, a := range n.Args {
		last := i == len(n.Args)-1
		v := r.expand(a)
		if v.on != "" {
			r.unknown(n, v.on)
			return
		}
		if last {
			switch {
			case strings.HasPrefix(v.text, "="):
				code, _ := strconv.Atoi(v.text[1:])
				r.note(n, "try_files ends with %d", code)
				r.fail(code)
			case strings.HasPrefix(v.text, "@"):
				r.note(n, "try_files ends in %s", v.text)
				r.toNamed(n, v.text)
			default:
				r.note(n, "try_files ends in %s", v.text)
				r.jump(v.text)
			}
			return
		}
		f := r.file(v.text)
		if f.on != "" {
			r.unknown(n, f.on)
			return
		}
		if r.req.Exists != nil {
			if !r.req.Exists(f.text) {
				continue
			}
			r.note(n, "the file %s exists", f.text)
			r.uri, r.rewrote = v.text, true
			r.afterTry(f.text)
			return
		}
		// Whether the file exists is not known: what happens then, and what otherwise.
		other := r.clone()
		rest := *n
		rest.Args = n.Args[i+1:]
		if len(rest.Args) == 1 || strings.HasSuffix(a, "/") {
			rest.Args = n.Args[len(n.Args)-1:]
		}
		other.tryFiles(&rest)
		r.note(n, "if the file %s exists", f.text)
		r.uri, r.rewrote = v.text, true
		r.afterTry(f.text)
		r.out.Otherwise = other.out
		return
	}
}

// afterTry goes on with a file that try_files found: a pass directive beside it wins.
func (r *run) afterTry(file string) {
	if p := Pass(r.location); p != nil {
		r.proxy(p)
		return
	}
	r.out.File = file
	r.finish(Static, 0)
}

func (r *run) clone() *run {
	c := *r
	out := *r.out
	out.Steps = append([]Step{}, r.out.Steps...)
	c.out = &out
	c.sets = map[string]value{}
	for k, v := range r.sets {
		c.sets[k] = v
	}
	return &c
}

func (r *run) static() {
	f := r.file(r.uri)
	if f.on != "" {
		r.unknown(nil, f.on)
		return
	}
	if strings.HasSuffix(r.uri, "/") {
		index := []string{"index.html"}
		if n := r.location.Value("index"); n != nil {
			index = n.Args
		}
		for _, name := range index {
			v := r.expand(name)
			if v.on != "" {
				continue
			}
			if r.req.Exists != nil && r.req.Exists(path.Join(f.text, v.text)) {
				r.note(nil, "the folder has %s", v.text)
				r.jumpKeepArgs(r.uri + v.text)
				return
			}
		}
		if r.req.Exists != nil {
			r.note(nil, "the folder has no index file")
			if r.req.Exists(strings.TrimSuffix(f.text, "/")) {
				r.fail(403)
			} else {
				r.fail(404)
			}
			return
		}
		f.text += index[0]
	} else if r.req.Exists != nil && !r.req.Exists(f.text) {
		r.note(nil, "there is no file %s", f.text)
		r.fail(404)
		return
	}
	if r.req.Method == "POST" {
		r.note(nil, "the file %s can only be read", f.text)
		r.fail(405)
		return
	}
	r.note(nil, "the file %s, if it exists (else 404)", f.text)
	r.out.File = f.text
	r.finish(Static, 0)
}

func (r *run) jumpKeepArgs(to string) {
	if r.args != "" {
		to += "?" + r.args
	}
	r.jump(to)
}
