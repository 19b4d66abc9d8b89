package routes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"drydock/internal/gateway/lint/conf"
)

// Route is one line of the routing table.
type Route struct {
	Servers  []string `json:"servers"`            // server_name
	Listen   []string `json:"listen"`             // as written; default_server included
	Modifier Modifier `json:"modifier"`           // "" for a plain prefix
	Location string   `json:"location"`           // path, pattern or @name; "" is the server itself
	Nested   string   `json:"nested,omitempty"`   // the location around it
	Kind     Kind     `json:"kind"`               //
	Target   string   `json:"target,omitempty"`   // upstream, file or folder, redirect, status
	Internal bool     `json:"internal,omitempty"` // not for requests from outside
	Limits   []string `json:"limits,omitempty"`   // body size, rates, timeouts that count here
	Cache    string   `json:"cache,omitempty"`    // proxy_cache zone, or expires
	Auth     string   `json:"auth,omitempty"`     // auth_basic, auth_request, allow and deny
	File     string   `json:"file"`
	Line     int      `json:"line"`
}

// Table lists the locations of every server, in the order in which nginx tries them:
// exact paths, then prefixes after which it tries no pattern, patterns in the order of
// the file, the other prefixes (the longest first), and last the named locations.
func Table(cfg *conf.Config) []Route {
	var out []Route
	for _, s := range cfg.Servers() {
		names := Names(s)
		var listens []string
		for _, l := range s.All("listen") {
			listens = append(listens, strings.Join(l.Args, " "))
		}
		base := Route{Servers: names, Listen: listens}
		if ret := s.Last("return"); ret != nil {
			r := base
			fill(&r, s)
			r.File, r.Line = ret.File, ret.Line
			out = append(out, r)
			continue // nothing else of this server is ever reached
		}
		out = append(out, locations(base, s, "")...)
	}
	return out
}

func locations(base Route, block *conf.Node, nested string) []Route {
	list := slices.Clone(block.All("location"))
	order := map[Modifier]int{Exact: 0, PrefixFinal: 1, Regex: 2, RegexNoCase: 2, Prefix: 3, Named: 4}
	slices.SortStableFunc(list, func(a, b *conf.Node) int {
		am, an := LocationOf(a)
		bm, bn := LocationOf(b)
		if c := cmp.Compare(order[am], order[bm]); c != 0 {
			return c
		}
		if am == Prefix || am == PrefixFinal {
			return cmp.Compare(len(bn), len(an))
		}
		return 0
	})
	var out []Route
	for _, l := range list {
		r := base
		r.Modifier, r.Location = LocationOf(l)
		r.Nested = nested
		fill(&r, l)
		out = append(out, r)
		name := r.Location
		if r.Modifier != Prefix && r.Modifier != Named {
			name = string(r.Modifier) + " " + name
		}
		out = append(out, locations(base, l, name)...)
	}
	return out
}

func fill(r *Route, l *conf.Node) {
	r.File, r.Line = l.File, l.Line
	r.Internal = l.Last("internal") != nil || r.Modifier == Named
	switch {
	case l.Last("return") != nil:
		ret := l.Last("return")
		r.Kind, r.Target = Return, ret.Arg(0)
		if u := ret.Arg(1); strings.HasPrefix(ret.Arg(0), "3") && u != "" {
			r.Kind, r.Target = Redirect, ret.Arg(0)+" "+u
		} else if strings.Contains(ret.Arg(0), "/") {
			r.Kind, r.Target = Redirect, "302 "+ret.Arg(0)
		}
	case Pass(l) != nil:
		r.Kind, r.Target = Proxy, Pass(l).Arg(0)
	case l.Last("js_content") != nil || l.Last("stub_status") != nil || l.Last("content_by_lua_block") != nil:
		r.Kind = Handler
		for _, h := range []string{"js_content", "stub_status", "content_by_lua_block"} {
			if l.Last(h) != nil {
				r.Target = h
			}
		}
	default:
		r.Kind = Static
		if a := l.Last("alias"); a != nil {
			r.Target = a.Arg(0)
		} else if root := l.Value("root"); root != nil {
			r.Target = root.Arg(0)
		}
	}
	if r.Kind == Static {
		if tf := l.Last("try_files"); tf != nil {
			r.Target = strings.TrimSpace(r.Target + " try " + strings.Join(tf.Args, " "))
		}
	}
	limit := func(format string, args ...any) { r.Limits = append(r.Limits, fmt.Sprintf(format, args...)) }
	if n := l.Value("client_max_body_size"); n != nil {
		limit("body %s", n.Arg(0))
	}
	for _, n := range l.Inherited("limit_req") {
		if zone, ok := n.Option("zone"); ok {
			limit("rate %s", zone)
		}
	}
	for _, n := range l.Inherited("limit_conn") {
		limit("connections %s %s", n.Arg(0), n.Arg(1))
	}
	if r.Kind == Proxy {
		if n := l.Value("proxy_read_timeout"); n != nil {
			limit("read %s", n.Arg(0))
		}
	}
	if n := l.Value("proxy_cache"); n != nil && n.Arg(0) != "off" && r.Kind == Proxy {
		r.Cache = n.Arg(0)
	} else if n := l.Value("expires"); n != nil && n.Arg(0) != "off" {
		r.Cache = "expires " + strings.Join(n.Args, " ")
	}
	var auth []string
	if n := l.Value("auth_basic"); n != nil && n.Arg(0) != "off" {
		auth = append(auth, "basic")
	}
	if n := l.Value("auth_request"); n != nil && n.Arg(0) != "off" {
		auth = append(auth, "request "+n.Arg(0))
	}
	for _, n := range accessRules(l) {
		auth = append(auth, n.Name+" "+n.Arg(0))
	}
	r.Auth = strings.Join(auth, ", ")
}
