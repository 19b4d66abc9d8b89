package routes

import (
	"fmt"
	"strconv"
	"strings"

	"drydock/internal/gateway/lint/conf"
)

// run is one request on its way.
type run struct {
	cfg      *conf.Config
	req      Request
	server   *conf.Node
	location *conf.Node // the innermost block that counts: a location, an if in it, or the server
	host     string
	raw      string // as the client wrote it
	uri      string // decoded
	args     string
	groups   []string
	names    map[string]string
	sets     map[string]value
	internal bool
	rewrote  bool // the raw path is no longer what the request is about
	inPlace  bool // rewritten with break: the location's prefix is no longer in the path
	named    bool
	onError  bool // already on the way to an error page
	status   int  // of an error page
	keep     int  // status that the answer of an error page gets; 0: its own
	cycles   int
	looked   int // variables, so that a tangle of them ends
	out      *Explanation
	done     bool
}

// Explain follows one request through the configuration.
func Explain(cfg *conf.Config, req Request) Explanation {
	if req.Method == "" {
		req.Method = "GET"
	}
	if req.Scheme == "" {
		req.Scheme = "http"
	}
	out := Explanation{Request: req, Steps: []Step{}}
	r := &run{cfg: cfg, req: req, out: &out, sets: map[string]value{}, raw: req.URI}
	r.start()
	return out
}

func (r *run) note(n *conf.Node, format string, args ...any) {
	s := Step{Text: fmt.Sprintf(format, args...)}
	if n != nil {
		s.File, s.Line = n.File, n.Line
	}
	r.out.Steps = append(r.out.Steps, s)
}

func (r *run) unknown(n *conf.Node, on string) {
	r.done = true
	r.out.Kind, r.out.Depends = Unknown, on
	r.out.Location = place(r.locationOnly())
	r.note(n, "from here on it depends on %s", on)
}

func (r *run) start() {
	tls := r.req.Scheme == "https"
	if r.req.Port == 0 {
		r.req.Port = defaultPort(r.cfg, tls)
		r.out.Request.Port = r.req.Port
	}
	hostHeader, target, ok := splitAbsolute(r.req.URI)
	if hostHeader == "" {
		hostHeader = r.req.Host
	} else {
		r.note(nil, "the request line holds a whole URL: its host counts, not the Host header")
	}
	host, hostOK := parseHost(hostHeader)
	_, headerOK := parseHost(r.req.Host)
	server, why, names := chooseServer(r.cfg, host, r.req.Port, tls)
	bad := !ok || !hostOK || !headerOK || hostHeader == "" || !strings.HasPrefix(target, "/")
	if bad {
		server, why, names = chooseServer(r.cfg, "\x00", r.req.Port, tls)
	}
	if server == nil {
		r.done = true
		r.out.Kind, r.out.Depends = Unknown, fmt.Sprintf("a server: none listens at port %d for %s", r.req.Port, r.req.Scheme)
		r.note(nil, "no server listens at port %d for %s", r.req.Port, r.req.Scheme)
		return
	}
	r.server, r.location, r.host, r.names = server, server, host, names
	r.out.Server = &Place{Text: "server " + strings.Join(Names(server), " "), File: server.File, Line: server.Line}
	r.note(server, "server: %s", why)
	if bad {
		r.note(nil, "the request line or the host is not valid")
		r.fail(400)
		return
	}
	merge := true
	// nginx reads the path before it knows the host: the default server's setting counts.
	if first, _, _ := chooseServer(r.cfg, "\x00", r.req.Port, tls); first != nil {
		if m := first.Value("merge_slashes"); m != nil {
			merge = m.Arg(0) != "off"
		}
	}
	path, args, ok := Normalize(target, merge)
	if !ok {
		// Not even the host was read when nginx gave up.
		r.server, _, _ = chooseServer(r.cfg, "\x00", r.req.Port, tls)
		r.location, r.host = r.server, ""
		r.out.Server = &Place{Text: "server " + strings.Join(Names(r.server), " "), File: r.server.File, Line: r.server.Line}
		r.note(nil, "the path is not valid")
		r.fail(400)
		return
	}
	r.uri, r.args, r.raw = path, args, target
	r.out.Path = path
	if raw, _, _ := strings.Cut(target, "?"); raw != path {
		r.note(nil, "the path is read as %s", path)
	}
	if on := r.server.Value("ssl_reject_handshake"); tls && on != nil && on.Arg(0) == "on" {
		r.done = true
		r.out.Kind = Return
		r.note(on, "the TLS handshake is refused: the client gets no answer at all")
		return
	}
	r.serverPhase()
}

func defaultPort(cfg *conf.Config, tls bool) int {
	for _, loopback := range []bool{false, true} {
		for _, s := range cfg.Servers() {
			for _, l := range Listens(s) {
				if l.TLS == tls && l.Port != 0 && l.Loopback() == loopback {
					return l.Port
				}
			}
		}
	}
	if tls {
		return 443
	}
	return 80
}

// serverPhase runs what stands in the server itself, then looks for the location.
func (r *run) serverPhase() {
	r.location = r.server
	if r.script(r.server.Children) == stop {
		return
	}
	r.findLocation()
}

func (r *run) findLocation() {
	if r.cycles++; r.cycles > 10 {
		r.note(nil, "the path was rewritten more than ten times: nginx gives up")
		r.fail(500)
		return
	}
	found := Find(r.server, r.uri)
	for _, l := range found.Tried {
		_, p := LocationOf(l)
		r.note(l, "location ~ %s does not match", p)
	}
	if found.Undecided != nil {
		_, p := LocationOf(found.Undecided)
		r.unknown(found.Undecided, "whether the pattern "+p+" matches, which only nginx can judge")
		return
	}
	if found.Location == nil {
		r.location = r.server
		r.note(nil, "no location matches %s: the server's own settings count", r.uri)
	} else {
		r.location = found.Location
		r.note(found.Location, "location: %s", describe(found.Location))
	}
	if found.Groups != nil {
		r.groups, r.names = found.Groups, merge(r.names, found.Names)
	}
	if !r.internal && r.location.Last("internal") != nil {
		r.note(r.location.Last("internal"), "it is for internal redirects only")
		r.fail(404)
		return
	}
	if found.Redirect {
		_, name := LocationOf(found.Location)
		to := escape(name)
		if r.args != "" {
			to += "?" + r.args
		}
		r.redirect(found.Location, 301, to, "nginx adds the slash that the location ends in")
		return
	}
	r.locationPhase()
}

func describe(l *conf.Node) string {
	mod, name := LocationOf(l)
	switch mod {
	case Exact:
		return "= " + name + ", the exact path"
	case PrefixFinal:
		return "^~ " + name + ", the longest prefix, patterns are not tried"
	case Regex:
		return "~ " + name + ", the first pattern that matches"
	case RegexNoCase:
		return "~* " + name + ", the first pattern that matches"
	case Named:
		return name
	}
	return name + ", the longest prefix, and no pattern matches"
}

// locationPhase runs the rewrite directives of the location, then access and content.
func (r *run) locationPhase() {
	before := r.uri
	switch r.script(r.location.Children) {
	case stop:
		return
	case again:
		r.note(nil, "the path is now %s (it was %s): another location is looked for", r.uri, before)
		r.findLocation()
		return
	}
	r.access()
	if !r.done {
		r.content()
	}
}

func (r *run) access() {
	if deny := r.location.Inherited("deny"); len(deny) > 0 || len(r.location.Inherited("allow")) > 0 {
		rules := accessRules(r.location)
		if len(rules) > 0 && rules[0].Name == "deny" && rules[0].Arg(0) == "all" {
			r.note(rules[0], "nobody may")
			r.fail(403)
			return
		}
		if len(rules) > 0 && !(rules[0].Name == "allow" && rules[0].Arg(0) == "all") {
			r.note(rules[0], "if the client's address is allowed (else 403)")
		}
	}
	if ex := r.location.Last("limit_except"); ex != nil && !ex.Has(r.req.Method) && !(r.req.Method == "HEAD" && ex.Has("GET")) {
		if d := ex.Last("deny"); d != nil && d.Arg(0) == "all" && ex.Last("allow") == nil {
			r.note(ex, "the method %s is not among those allowed", r.req.Method)
			r.fail(403)
			return
		}
	}
	if a := r.location.Value("auth_basic"); a != nil && a.Arg(0) != "off" {
		if r.header("authorization") == "" {
			r.note(a, "a user and a password are asked for")
			r.fail(401)
			return
		}
		r.unknown(a, "the user and the password")
		return
	}
	if a := r.location.Value("auth_request"); a != nil && a.Arg(0) != "off" {
		r.note(a, "if the subrequest to %s allows it (else 401 or 403)", a.Arg(0))
	}
}

// accessRules are the allow and deny lines that count at a block, in order.
func accessRules(block *conf.Node) []*conf.Node {
	for p := block; p != nil; p = p.Parent {
		if rules := p.All("allow", "deny"); len(rules) > 0 {
			return rules
		}
	}
	return nil
}

// locationOnly is the location without an `if` in it.
func (r *run) locationOnly() *conf.Node {
	for p := r.location; p != nil; p = p.Parent {
		if p.Name == "location" {
			return p
		}
		if p.Name == "server" {
			return nil
		}
	}
	return nil
}

func (r *run) finish(kind Kind, status int) {
	r.done = true
	r.out.Kind, r.out.Status = kind, status
	if r.keep != 0 {
		r.out.Status = r.keep
	}
	r.out.Location = place(r.locationOnly())
}

func (r *run) redirect(n *conf.Node, status int, to, why string) {
	if strings.HasPrefix(to, "/") {
		if abs := r.location.Value("absolute_redirect"); abs == nil || abs.Arg(0) != "off" {
			host := r.host
			if inRedirect := r.location.Value("server_name_in_redirect"); inRedirect != nil && inRedirect.Arg(0) == "on" || host == "" {
				host = Names(r.server)[0]
			}
			port := ""
			if inPort := r.location.Value("port_in_redirect"); inPort == nil || inPort.Arg(0) != "off" {
				if !(r.req.Scheme == "http" && r.req.Port == 80 || r.req.Scheme == "https" && r.req.Port == 443) {
					port = ":" + strconv.Itoa(r.req.Port)
				}
			}
			to = r.req.Scheme + "://" + host + port + to
		}
	}
	r.note(n, "%d to %s: %s", status, to, why)
	r.out.To = to
	r.finish(Redirect, status)
}
