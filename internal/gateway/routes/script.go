package routes

import (
	"strconv"
	"strings"

	"drydock/internal/gateway/lint/conf"
)

type outcome int

const (
	goOn  outcome = iota // to the next phase, in the same location
	again                // the path changed: look for a location
	stop                 // the request is answered, or undecided
)

// script runs the directives of the rewrite module in their order.
func (r *run) script(list []*conf.Node) outcome {
	changed := false
	res := r.block(list, &changed)
	if res == goOn && changed {
		return again
	}
	return res
}

type breakSignal = bool

func (r *run) block(list []*conf.Node, changed *bool) outcome {
	res, _ := r.lines(list, changed)
	return res
}

func (r *run) lines(list []*conf.Node, changed *bool) (outcome, breakSignal) {
	for _, n := range list {
		switch n.Name {
		case "set":
			r.sets[strings.TrimPrefix(n.Arg(0), "$")] = r.expand(n.Arg(1))
		case "break":
			r.note(n, "break: no more rewriting here")
			return goOn, true
		case "return":
			r.doReturn(n)
			return stop, false
		case "rewrite":
			res, brk, hit := r.rewrite(n, changed)
			if res == stop || brk {
				return res, brk
			}
			if hit && res == again {
				return again, false
			}
		case "if":
			yes, on := r.condition(n)
			if on != "" {
				r.unknown(n, on)
				return stop, false
			}
			if !yes {
				continue
			}
			r.note(n, "the condition holds: %s", n.String())
			if r.location != r.server || n.Parent.Name != "server" {
				r.location = n
			}
			res, brk := r.lines(n.Children, changed)
			if res != goOn || brk {
				return res, brk
			}
		case "rewrite_by_lua_block", "rewrite_by_lua_file", "server_rewrite_by_lua_block", "js_access":
			r.unknown(n, "the program at "+n.Name)
			return stop, false
		}
	}
	return goOn, false
}

// rewrite applies one rewrite directive.
func (r *run) rewrite(n *conf.Node, changed *bool) (res outcome, brk breakSignal, hit bool) {
	p := Compile(n.Arg(0), false)
	if !p.Decidable {
		r.unknown(n, "whether the pattern "+n.Arg(0)+" matches, which only nginx can judge")
		return stop, false, false
	}
	groups, names, ok := p.Match(r.uri)
	if !ok {
		return goOn, false, false
	}
	r.groups, r.names = groups, merge(r.names, names)
	to, flag := n.Arg(1), n.Arg(2)
	external := strings.HasPrefix(to, "http://") || strings.HasPrefix(to, "https://") || strings.HasPrefix(to, "$scheme")
	noArgs := strings.HasSuffix(to, "?")
	to = strings.TrimSuffix(to, "?")
	if external || flag == "redirect" || flag == "permanent" {
		v := r.quoted(func() value { return r.expand(to) })
		if v.on != "" {
			r.unknown(n, v.on)
			return stop, false, true
		}
		target := v.text
		if !noArgs && r.args != "" {
			if strings.Contains(target, "?") {
				target += "&" + r.args
			} else {
				target += "?" + r.args
			}
		}
		status := 302
		if flag == "permanent" {
			status = 301
		}
		r.redirect(n, status, target, "rewrite")
		return stop, false, true
	}
	// Only a ? that is written in the directive begins the query, not one in a capture.
	before, after, has := strings.Cut(to, "?")
	v := r.expand(before)
	q := r.quoted(func() value { return r.expand(after) })
	for _, part := range []value{v, q} {
		if part.on != "" {
			r.unknown(n, part.on)
			return stop, false, true
		}
	}
	path := v.text
	if has {
		if args := q.text; !noArgs && r.args != "" {
			r.args = args + "&" + r.args
		} else {
			r.args = args
		}
	} else if noArgs {
		r.args = ""
	}
	r.note(n, "the path %s is rewritten to %s", r.uri, path)
	r.uri, r.rewrote = path, true
	if path == "" {
		r.note(n, "the rewritten path is empty")
		r.fail(500)
		return stop, false, true
	}
	switch flag {
	case "last":
		*changed = true
		return again, false, true
	case "break":
		*changed = false
		r.inPlace = true
		return goOn, true, true
	}
	*changed = true
	return goOn, false, true
}

// quoted evaluates with captures escaped, as nginx does in a redirect or a query if the
// path that it read had something encoded in it.
func (r *run) quoted(f func() value) value {
	was := r.groups
	defer func() { r.groups = was }()
	if path, _, _ := strings.Cut(r.raw, "?"); strings.ContainsAny(path, "%+") {
		r.groups = make([]string, len(was))
		for i, g := range was {
			r.groups[i] = escape(g)
		}
	}
	return f()
}

func (r *run) doReturn(n *conf.Node) {
	code, err := strconv.Atoi(n.Arg(0))
	text := n.Arg(1)
	if err != nil { // return URL
		code, text = 302, n.Arg(0)
	}
	v := r.expand(text)
	isRedirect := code == 301 || code == 302 || code == 303 || code == 307 || code == 308
	if isRedirect && text != "" {
		if v.on != "" {
			r.note(n, "return %d to %s", code, text)
			r.out.To = text
			r.finish(Redirect, code)
			return
		}
		r.redirect(n, code, v.text, "return")
		return
	}
	if code >= 400 && text == "" || code == 204 && text == "" {
		r.note(n, "return %d", code)
		if code == 204 {
			r.finish(Return, 204)
			return
		}
		r.fail(code)
		return
	}
	if v.on != "" {
		v.text = text
	}
	r.out.Body = v.text
	r.note(n, "return %d", code)
	r.finish(Return, code)
}

// condition evaluates an if.
func (r *run) condition(n *conf.Node) (yes bool, dependsOn string) {
	a := n.Args
	if len(a) == 0 {
		return false, "an empty condition"
	}
	if len(a) >= 2 && (strings.HasPrefix(a[0], "-") || strings.HasPrefix(a[0], "!-")) {
		v := r.expand(a[1])
		op := strings.TrimPrefix(a[0], "!")
		if r.req.Exists != nil && (op == "-f" || op == "-e") {
			path := v.text
			if v.on != "" {
				path = a[1] // as it is written: the caller may know what its variables come to
			}
			return r.req.Exists(path) != strings.HasPrefix(a[0], "!"), ""
		}
		return false, "whether " + a[1] + " exists"
	}
	left := r.expand(a[0])
	if left.on != "" {
		return false, left.on
	}
	if len(a) == 1 {
		return left.text != "" && left.text != "0", ""
	}
	if len(a) < 3 {
		return false, "the condition " + n.String()
	}
	switch a[1] {
	case "=", "!=":
		right := r.expand(a[2])
		if right.on != "" {
			return false, right.on
		}
		return (left.text == right.text) == (a[1] == "="), ""
	case "~", "~*", "!~", "!~*":
		p := Compile(a[2], strings.HasSuffix(a[1], "*"))
		if !p.Decidable {
			return false, "whether the pattern " + a[2] + " matches, which only nginx can judge"
		}
		groups, names, ok := p.Match(left.text)
		if ok && !strings.HasPrefix(a[1], "!") {
			r.groups, r.names = groups, merge(r.names, names)
		}
		return ok != strings.HasPrefix(a[1], "!"), ""
	}
	return false, "the condition " + n.String()
}
