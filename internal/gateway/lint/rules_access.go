package lint

import (
	"regexp"
	"strings"

	"drydock/internal/gateway/lint/conf"
	"drydock/internal/gateway/routes"
)

// byAccel are path segments by which people name what only the application may hand out.
var byAccel = regexp.MustCompile(`(^|/)_?(internal|protected|x-accel|xaccel|accel|private-files|internal-redirect)(/|$)`)

var accessRules = []Rule{{
	ID: "internal-missing", Title: "A location for internal use can be asked for from outside", Severity: Warning,
	Why:    "Targets of error_page, auth_request and mirror, and folders for X-Accel-Redirect, are meant to be reached by way of a decision. Without `internal` everybody reaches them directly.",
	Fix:    "Add `internal;` to the location.",
	Source: docs + "http/ngx_http_core_module.html#internal",
	check: func(c *check) {
		targets := map[string]string{}
		note := func(path, by string) {
			if p, _, _ := strings.Cut(path, "?"); strings.HasPrefix(p, "/") && len(conf.Variables(p)) == 0 {
				targets[p] = by
			}
		}
		c.each(func(n *conf.Node) {
			page := n.Arg(len(n.Args) - 1)
			if !strings.Contains(page, "index.") {
				note(page, "error_page")
			}
		}, "error_page")
		c.each(func(n *conf.Node) { note(n.Arg(0), n.Name) }, "auth_request", "mirror", "post_action")
		c.locations(func(l *conf.Node) {
			mod, name := routes.LocationOf(l)
			if l.Last("internal") != nil || mod == routes.Named || refuses(l) {
				return
			}
			by := targets[name]
			if by == "" && (mod == routes.Prefix || mod == routes.PrefixFinal) && len(name) > 1 {
				for t, b := range targets {
					if strings.HasPrefix(t, name) && dedicated(t, name) {
						by = b
					}
				}
			}
			switch {
			case by != "":
				c.at(l, "the location is a target of %s, and is open to everybody", by)
			case (mod == routes.Prefix || mod == routes.PrefixFinal) && byAccel.MatchString(name) && servesFiles(l) && !guarded(l):
				c.at(l, "by its name the location is for X-Accel-Redirect, and is open to everybody")
			}
		})
	},
}, {
	ID: "valid-referers-none", Title: "valid_referers accepts requests without a Referer", Severity: Warning,
	Why:    "Any page can leave the header out (Referrer-Policy: no-referrer), so whoever should be kept out simply does.",
	Fix:    "Take `none` out, or protect by something that the other page cannot choose: signed links (secure_link), or a token.",
	Source: docs + "http/ngx_http_referer_module.html#valid_referers",
	check: func(c *check) {
		c.each(func(n *conf.Node) {
			if n.Has("none") {
				c.at(n, "a request without Referer is valid")
			}
		}, "valid_referers")
	},
}, {
	ID: "status-public", Title: "The status page is open to everybody", Severity: Warning,
	Why:    "It shows how busy the server is, which helps whoever wants to overload it.",
	Fix:    "Listen on a socket or on 127.0.0.1 for it, or add allow and deny.",
	Source: docs + "http/ngx_http_stub_status_module.html",
	check: func(c *check) {
		c.each(func(n *conf.Node) {
			s := n.Up("server")
			if s != nil && len(public(s)) > 0 && !guarded(n.Parent) && n.Parent.Last("internal") == nil {
				c.at(n, "%s is not protected", n.Name)
			}
		}, "stub_status", "vhost_traffic_status_display")
	},
}}

// dedicated: a prefix location counts as made for a page if it is its own folder.
func dedicated(target, prefix string) bool {
	i := strings.LastIndexByte(target, '/')
	return target[:i+1] == strings.TrimSuffix(prefix, "/")+"/" && (strings.Contains(prefix, "error") || strings.HasPrefix(prefix, "/."))
}

// guarded tells whether something asks who the client is.
func guarded(b *conf.Node) bool {
	for _, name := range []string{"deny", "auth_basic", "auth_request", "auth_jwt", "secure_link", "ssl_verify_client"} {
		if n := b.Value(name); n != nil && n.Arg(0) != "off" {
			return true
		}
	}
	return false
}
