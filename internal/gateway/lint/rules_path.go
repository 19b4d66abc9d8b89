package lint

import (
	"path"
	"strings"

	"drydock/internal/gateway/lint/conf"
	"drydock/internal/gateway/routes"
)

var pathRules = []Rule{{
	ID: "alias-traversal", Title: "A location without its last slash and an alias with one", Severity: Error,
	Why:    "nginx puts what follows the location behind the alias: with `location /static` and `alias /srv/static/`, a request for /static../secret reads /srv/static/../secret, one folder above.",
	Fix:    "End both the location and the alias with a slash.",
	Source: docs + "http/ngx_http_core_module.html#alias",
	check: func(c *check) {
		c.each(func(n *conf.Node) {
			l := n.Up("location")
			if l == nil {
				return
			}
			mod, name := routes.LocationOf(l)
			if (mod == routes.Prefix || mod == routes.PrefixFinal) && !strings.HasSuffix(name, "/") && strings.HasSuffix(n.Arg(0), "/") {
				c.at(n, "with the location %s, a request for %s../ leaves the folder %s", name, name, n.Arg(0))
			} else if (mod == routes.Prefix || mod == routes.PrefixFinal) && !strings.HasSuffix(name, "/") && !strings.Contains(path.Base(n.Arg(0)), ".") && len(conf.Variables(n.Arg(0))) == 0 {
				c.at(n, "with the location %s, a request for %s-old/ reads the neighbour %s-old/", name, name, n.Arg(0)).Severity = Warning
			}
		}, "alias")
	},
}, {
	ID: "alias-slash", Title: "A location with its last slash and an alias without one", Severity: Warning,
	Why:    "What follows the location is glued to the alias: /static/a.css becomes /srv/statica.css, which is never found, or is another file than meant.",
	Fix:    "End the alias with a slash too.",
	Source: docs + "http/ngx_http_core_module.html#alias",
	check: func(c *check) {
		c.each(func(n *conf.Node) {
			l := n.Up("location")
			if l == nil || len(conf.Variables(n.Arg(0))) > 0 {
				return
			}
			mod, name := routes.LocationOf(l)
			if (mod == routes.Prefix || mod == routes.PrefixFinal) && strings.HasSuffix(name, "/") && !strings.HasSuffix(n.Arg(0), "/") {
				c.at(n, "%sx becomes %sx", name, n.Arg(0))
			}
		}, "alias")
	},
}, {
	ID: "root-dangerous", Title: "Files of the system or of the configuration are served", Severity: Error,
	Why:    "Everything below a root can be asked for: keys, passwords, environment files, the configuration itself.",
	Fix:    "Give what is served a folder of its own, such as /srv/www, with nothing else in it.",
	Source: docs + "http/ngx_http_core_module.html#root",
	check: func(c *check) {
		c.each(func(n *conf.Node) {
			dir := path.Clean("/" + strings.TrimSuffix(n.Arg(0), "/"))
			if !path.IsAbs(n.Arg(0)) {
				return
			}
			if n.Name == "alias" {
				// One named file is not the folder.
				if l := n.Up("location"); l != nil && !strings.HasSuffix(n.Arg(0), "/") {
					if mod, _ := routes.LocationOf(l); mod == routes.Exact {
						return
					}
				}
			}
			for _, bad := range []string{"/", "/etc", "/etc/nginx", "/root", "/home", "/var", "/usr", "/proc", "/sys", "/dev", "/run", "/run/secrets", "/var/run", "/var/log", "/var/lib", "/opt", "/tmp", "/boot"} {
				if dir == bad {
					c.at(n, "%s %s serves %s", n.Name, n.Arg(0), what(bad))
					return
				}
			}
			if strings.HasPrefix(dir, "/etc/") && !strings.Contains(dir, "/html") && !strings.Contains(dir, "/pages") && !strings.Contains(dir, "/www") && !strings.Contains(dir, "/static") && !strings.Contains(dir, "/public") && !strings.Contains(dir, "/errors") && !strings.Contains(dir, ".") {
				c.at(n, "%s %s serves configuration", n.Name, n.Arg(0))
			}
		}, "root", "alias")
	},
}, {
	ID: "root-missing", Title: "A location has no root while its neighbours bring their own", Severity: Warning,
	Why:    "A root inside a location counts for that location only. A neighbour without one serves from the folder that was compiled in, in which there is nothing, or a welcome page.",
	Fix:    "Put root in the server, and let locations change it only where they must.",
	Source: docs + "http/ngx_http_core_module.html#root",
	check: func(c *check) {
		for _, s := range c.cfg.Servers() {
			if s.Value("root") != nil || s.Last("return") != nil {
				continue
			}
			own := false
			for _, l := range s.All("location") {
				own = own || l.Last("root") != nil
			}
			if !own {
				continue
			}
			for _, l := range s.All("location") {
				if mod, _ := routes.LocationOf(l); mod == routes.Named && l.Last("try_files") == nil {
					continue
				}
				if servesFiles(l) && l.Value("root") == nil && l.Last("alias") == nil {
					c.at(l, "location %s serves files, and no root counts for it", strings.Join(l.Args, " "))
				}
			}
		}
	},
}, {
	ID: "autoindex", Title: "Folders are listed", Severity: Warning,
	Why:    "A listing shows every file, also those that no page links to: backups, sources, uploads of others.",
	Fix:    "Take `autoindex on` out, or keep it to a folder that is meant to be listed, and say so in a comment.",
	Source: docs + "http/ngx_http_autoindex_module.html",
	check: func(c *check) {
		c.each(func(n *conf.Node) {
			if n.Arg(0) == "on" {
				c.at(n, "autoindex is on")
			}
		}, "autoindex")
	},
}, {
	ID: "dotfiles-served", Title: "Hidden files are served", Severity: Warning,
	Why:    ".git, .env, .htpasswd and the like come into a folder by mistake, and whoever looks for them finds them.",
	Fix:    "Refuse them: `location ~ /\\.(?!well-known/) { return 404; }`.",
	Source: docs + "http/ngx_http_core_module.html#location",
	check: func(c *check) {
		for _, s := range c.cfg.Servers() {
			if s.Last("return") != nil {
				continue
			}
			for _, p := range []string{"/.git/config", "/.env"} {
				found := routes.Find(s, p)
				l := found.Location
				if found.Undecided != nil || l != nil && refuses(l) {
					continue
				}
				block := l
				if block == nil {
					block = s
					if s.Value("root") == nil {
						continue
					}
				}
				if !servesFiles(block) || block.Value("root") == nil && block.Last("alias") == nil {
					continue
				}
				c.at(block, "a request for %s is answered with the file, if there is one", p)
				break
			}
		}
	},
}, {
	ID: "merge-slashes-off", Title: "A doubled slash goes around a protected location", Severity: Warning,
	Why:    "With merge_slashes off, //admin/ is not /admin/ for nginx, but usually is for the application behind it: whatever protects the location is passed by.",
	Fix:    "Leave merge_slashes on, or protect by default and open what is public; refuse doubled slashes with `if ($request_uri ~ \"^[^?]*//\") { return 400; }`.",
	Source: docs + "http/ngx_http_core_module.html#merge_slashes",
	check: func(c *check) {
		for _, s := range c.cfg.Servers() {
			m := s.Value("merge_slashes")
			if m == nil || m.Arg(0) != "off" {
				continue
			}
			for _, l := range s.All("location") {
				mod, name := routes.LocationOf(l)
				anchored := mod == routes.Prefix || mod == routes.PrefixFinal || mod == routes.Exact || strings.HasPrefix(name, "^")
				if anchored && mod != routes.Named && name != "/" && protects(l) {
					c.at(l, "/%s is not this location while merge_slashes is off", strings.TrimLeft(name, "^"))
				}
			}
		}
	},
}}

func what(dir string) string {
	switch dir {
	case "/":
		return "the whole file system"
	case "/etc/nginx":
		return "the configuration"
	case "/run/secrets":
		return "the secrets"
	}
	return "a folder of the system"
}

// servesFiles tells whether a block answers with files: nothing else answers there.
func servesFiles(b *conf.Node) bool {
	if routes.Pass(b) != nil || b.Last("return") != nil {
		return false
	}
	for _, n := range b.Children {
		switch n.Name {
		case "js_content", "stub_status", "content_by_lua_block", "content_by_lua_file", "empty_gif", "perl", "internal_redirect":
			return false
		case "rewrite":
			if len(n.Args) == 3 && n.Arg(0) == "^" {
				return false
			}
		}
	}
	return true
}

// refuses tells whether a location lets nobody in.
func refuses(l *conf.Node) bool {
	if r := l.Last("return"); r != nil && strings.HasPrefix(r.Arg(0), "4") {
		return true
	}
	if d := l.Last("deny"); d != nil && d.Arg(0) == "all" {
		return true
	}
	return l.Last("internal") != nil
}

// protects tells whether a location keeps anybody out by itself.
func protects(l *conf.Node) bool {
	if r := l.Last("return"); r != nil && (r.Arg(0) == "403" || r.Arg(0) == "401" || r.Arg(0) == "404") {
		return true
	}
	for _, n := range l.All("deny", "auth_basic", "auth_request", "auth_jwt") {
		if n.Arg(0) != "off" {
			return true
		}
	}
	return false
}
