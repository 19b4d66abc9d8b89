package routes

import (
	"strconv"
	"strings"

	"drydock/internal/gateway/lint/conf"
)

// fail answers with an error of nginx's own: the error_page for it, if there is one.
func (r *run) fail(status int) {
	if r.onError {
		if rec := r.location.Value("recursive_error_pages"); rec == nil || rec.Arg(0) != "on" {
			r.note(nil, "answer %d", status)
			r.finish(Return, status)
			return
		}
	}
	for _, p := range r.location.Inherited("error_page") {
		if len(p.Args) < 2 {
			continue
		}
		target, codes, response := p.Args[len(p.Args)-1], p.Args[:len(p.Args)-1], ""
		if strings.HasPrefix(codes[len(codes)-1], "=") {
			response = codes[len(codes)-1]
			codes = codes[:len(codes)-1]
		}
		for _, c := range codes {
			if c != strconv.Itoa(status) {
				continue
			}
			r.toErrorPage(p, status, response, target)
			return
		}
	}
	if status == 444 {
		r.note(nil, "the connection is closed without an answer")
	} else {
		r.note(nil, "answer %d", status)
	}
	r.finish(Return, status)
}

func (r *run) toErrorPage(p *conf.Node, status int, response, target string) {
	r.onError, r.status = true, status
	r.keep = status
	switch {
	case response == "=":
		r.keep = 0
	case response != "":
		r.keep, _ = strconv.Atoi(response[1:])
	}
	to := r.expand(target)
	if to.on != "" {
		r.unknown(p, to.on)
		return
	}
	r.note(p, "answer %d leads to %s", status, to.text)
	r.internal = true
	switch {
	case strings.HasPrefix(to.text, "@"):
		r.toNamed(p, to.text)
	case strings.HasPrefix(to.text, "/"):
		if r.req.Method != "HEAD" {
			r.req.Method = "GET"
		}
		r.jump(to.text)
	default:
		code := 302
		if r.keep == 301 || r.keep == 302 || r.keep == 303 || r.keep == 307 || r.keep == 308 {
			code = r.keep
		}
		r.keep = 0
		r.redirect(p, code, to.text, "the error page is elsewhere")
	}
}

// jump is an internal redirect to a path.
func (r *run) jump(to string) {
	if r.cycles++; r.cycles > 10 {
		r.note(nil, "more than ten internal redirects: nginx gives up")
		r.finish(Return, 500)
		return
	}
	path, args, hasArgs := strings.Cut(to, "?")
	r.uri = path
	if hasArgs {
		r.args = args
	} else if !r.onError {
		r.args = ""
	} else {
		r.args = ""
	}
	r.internal, r.rewrote, r.inPlace, r.named = true, true, false, false
	r.serverPhase()
}

// toNamed goes to a named location; the path stays.
func (r *run) toNamed(from *conf.Node, name string) {
	r.internal, r.named = true, true
	if r.cycles++; r.cycles > 10 {
		r.note(nil, "more than ten internal redirects: nginx gives up")
		r.finish(Return, 500)
		return
	}
	for _, l := range r.server.All("location") {
		if mod, n := LocationOf(l); mod == Named && n == name {
			r.location = l
			r.note(l, "location: %s", name)
			r.locationPhase()
			return
		}
	}
	r.note(from, "there is no location %s in this server", name)
	r.keep = 0
	r.onError = true
	r.finish(Return, 500)
}
