package lint

import (
	"path"
	"strings"

	"drydock/internal/gateway/lint/conf"
)

// tempPaths are the folders that nginx makes at the start, and their compiled-in places.
var tempPaths = []string{"client_body_temp_path", "proxy_temp_path", "fastcgi_temp_path", "uwsgi_temp_path", "scgi_temp_path"}

func writable(c *check) {
	g := c.stack.gateway()
	if g == nil || !g.ReadOnly {
		return
	}
	ok := func(p string) bool {
		p = path.Clean(p)
		for _, w := range append([]string{"/dev"}, g.Writable...) {
			w = path.Clean(w)
			if p == w || strings.HasPrefix(p, strings.TrimSuffix(w, "/")+"/") {
				return true
			}
		}
		return false
	}
	look := func(n *conf.Node, p string) {
		if p == "" || p == "off" || p == "stderr" || p == "stdout" || strings.HasPrefix(p, "syslog:") || strings.HasPrefix(p, "memory:") {
			return
		}
		// A relative path is below the compiled-in prefix, which is part of the image.
		if base, _, cut := strings.Cut(p, "$"); cut {
			p = base
		}
		if !path.IsAbs(p) || !ok(p) {
			c.at(n, "%s is written to, and is not below %s", p, or(quoteList(g.Writable), "anything writable"))
		}
	}
	c.cfg.Root.Walk(func(n *conf.Node) bool {
		if n.Param {
			return false
		}
		switch n.Name {
		case "pid", "lock_file", "error_log", "access_log", "proxy_cache_path", "fastcgi_cache_path", "uwsgi_cache_path", "scgi_cache_path", "ssl_session_ticket_store":
			look(n, n.Arg(0))
		case "client_body_temp_path", "proxy_temp_path", "fastcgi_temp_path", "uwsgi_temp_path", "scgi_temp_path":
			look(n, n.Arg(0))
		case "proxy_store", "fastcgi_store":
			if n.Arg(0) != "on" {
				look(n, n.Arg(0))
			}
		case "dav_methods":
			if root := n.Parent.Value("root"); root != nil && n.Arg(0) != "off" {
				look(root, root.Arg(0))
			}
		case "listen":
			if sock, is := strings.CutPrefix(n.Arg(0), "unix:"); is && !strings.HasPrefix(sock, "@") {
				look(n, sock)
			}
		}
		return true
	})
	h := c.cfg.HTTP()
	if h == nil || c.incomplete() {
		return
	}
	var missing []string
	for _, name := range tempPaths {
		if h.Last(name) == nil {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		c.at(h, "not set, so below a folder of the image: %s", quoteList(missing))
	}
	if c.cfg.Root.Last("pid") == nil && !ok("/run/nginx.pid") {
		c.at(&conf.Node{File: h.File, Line: 1}, "pid is not set, so it is a file of the image's read-only /run")
	}
}
