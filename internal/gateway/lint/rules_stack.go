package lint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"drydock/internal/gateway/lint/conf"
	"drydock/internal/gateway/routes"
)

var stackRules = []Rule{{
	ID: "stack-upstream", Title: "An upstream that the stack does not have", Severity: Error,
	Why:    "The name must be a service or an alias on a network that the gateway is on too, and something must listen at the port; otherwise every request to it is answered 502.",
	Fix:    "Correct the name or the port, or put both services on one network.",
	Source: "https://docs.docker.com/compose/how-tos/networking/",
	check: func(c *check) {
		seen := map[string]bool{}
		look := func(n *conf.Node, host, port string) {
			if fixedHost(host) || seen[fmt.Sprint(n.File, n.Line, host, port)] {
				return
			}
			seen[fmt.Sprint(n.File, n.Line, host, port)] = true
			for _, known := range c.stack.Resolved {
				if host == known || strings.HasSuffix(host, "."+strings.TrimPrefix(known, ".")) {
					return
				}
			}
			s := c.stack.service(host)
			if s == nil {
				c.at(n, "no service and no alias is named %s", host)
				return
			}
			g := c.stack.gateway()
			if g != nil && s != g && !slices.ContainsFunc(s.Networks, func(name string) bool { return slices.Contains(g.Networks, name) }) {
				c.at(n, "%s is on no network that %s is on", host, g.Name)
				return
			}
			if p, err := strconv.Atoi(port); err == nil && len(s.Ports) > 0 && !slices.Contains(s.Ports, p) {
				c.at(n, "%s does not listen at port %d, but at %s", host, p, joinInts(s.Ports))
			}
		}
		c.each(func(u *conf.Node) {
			for _, s := range u.All("server") {
				if strings.HasPrefix(s.Arg(0), "unix:") {
					continue
				}
				t := conf.ParseTarget("x://" + s.Arg(0))
				if _, ok := s.Option("service"); !ok {
					look(s, t.Host, or(t.Port, "80"))
				}
			}
		}, "upstream")
		c.each(func(n *conf.Node) {
			targets := []string{n.Arg(0)}
			if len(conf.Variables(n.Arg(0))) > 0 {
				t := conf.ParseTarget(n.Arg(0))
				host := n.Arg(0)
				if t.Scheme != "" {
					host = t.Scheme + "://" + t.Host
					if t.Port != "" {
						host += ":" + t.Port
					}
				}
				var ok bool
				if targets, ok = c.cfg.Values(host); !ok {
					return
				}
			}
			for _, target := range targets {
				t := conf.ParseTarget(target)
				if t.Unix || c.cfg.Upstream(t.Host) != nil {
					continue
				}
				def := "80"
				if t.Scheme == "https" || t.Scheme == "grpcs" {
					def = "443"
				}
				look(n, t.Host, or(t.Port, def))
			}
		}, passNames...)
	},
}, {
	ID: "stack-listen", Title: "Published ports and listen do not fit", Severity: Error,
	Why:    "A published port behind which nginx does not listen refuses every connection; an address that is not published is reached by nobody outside of the network.",
	Fix:    "Publish the container's port that listen names.",
	Source: docs + "http/ngx_http_core_module.html#listen",
	check: func(c *check) {
		g, h := c.stack.gateway(), c.cfg.HTTP()
		if g == nil || h == nil {
			return
		}
		listens := map[int]*conf.Node{}
		for _, s := range c.cfg.Servers() {
			for _, l := range public(s) {
				if n := l.Node; n != nil && listens[l.Port] == nil {
					listens[l.Port] = n
				} else if n == nil {
					listens[l.Port] = s
				}
			}
		}
		for _, st := range c.cfg.Root.All("stream") {
			for _, s := range st.All("server") {
				for _, n := range s.All("listen") {
					listens[routes.ParseListen(n).Port] = n
				}
			}
		}
		var missing []string
		for _, p := range g.Published {
			if listens[p.Container] == nil {
				missing = append(missing, strconv.Itoa(p.Container))
			}
		}
		if len(missing) > 0 {
			c.at(h, "published, but no server listens: %s", quoteList(missing))
		}
		for port, n := range listens {
			published := slices.ContainsFunc(g.Published, func(p Published) bool { return p.Container == port })
			if len(g.Published) > 0 && !published {
				c.at(n, "port %d is not published", port).Severity = Warning
			}
		}
	},
}, {
	ID: "stack-writable", Title: "nginx writes where the container is read-only", Severity: Error,
	Why:    "With a read-only root, nginx cannot make its temporary folders: it does not start, or large bodies and answers fail later (docker-nginx-unprivileged 175).",
	Fix:    "Move pid, logs, caches and the temp paths to a tmpfs or a volume of the service.",
	Source: docs + "http/ngx_http_core_module.html#client_body_temp_path",
	check:  writable,
}, {
	ID: "stack-limits", Title: "The gateway's limits do not fit those of the backend", Severity: Error,
	Why:    "The smaller limit wins: a gateway that takes less than the backend answers 413 for what should work, one that takes more lets bodies through for nothing. A gateway that waits less than the backend works answers 504 while the work goes on.",
	Fix:    "Set both from one value: client_max_body_size is the backend's limit, proxy_read_timeout is at least its timeout.",
	Source: docs + "http/ngx_http_core_module.html#client_max_body_size",
	check: func(c *check) {
		b := c.stack.Backend
		if b.BodyLimit > 0 {
			seen := map[*conf.Node]bool{}
			c.each(func(n *conf.Node) {
				size := n.Parent.Value("client_max_body_size")
				have, at := int64(1<<20), n
				if size != nil {
					have, at = parseSize(size.Arg(0)), size
				}
				if seen[at] || have < 0 || have == b.BodyLimit || !c.toService(n) {
					return
				}
				seen[at] = true
				switch {
				case size == nil:
					c.at(at, "client_max_body_size is not set, so bodies end at 1m; the backend takes %s", showSize(b.BodyLimit))
				case have == 0:
					c.at(at, "the gateway takes bodies of any size, the backend %s", showSize(b.BodyLimit))
				default:
					c.at(at, "the gateway takes bodies up to %s, the backend %s", showSize(have), showSize(b.BodyLimit))
				}
			}, "proxy_pass")
		}
		if b.Timeout > 0 {
			seen := map[*conf.Node]bool{}
			c.each(func(n *conf.Node) {
				t := n.Parent.Value("proxy_read_timeout")
				have, at := time.Minute, n
				if t != nil {
					have, at = parseTime(t.Arg(0)), t
				}
				if !seen[at] && have > 0 && have < b.Timeout && c.toService(n) {
					seen[at] = true
					c.at(at, "the gateway waits %s, the backend works up to %s", have, b.Timeout)
				}
			}, "proxy_pass")
		}
	},
}, {
	ID: "stack-health", Title: "The health path is not reached, or not always", Severity: Error,
	Why:    "What watches the product asks this path through the gateway. If it is limited, protected or answered by nginx itself, the watcher sees failures that are none, or health that is none.",
	Fix:    "Give the path a location of its own that passes it on, without limits and without authentication.",
	Source: docs + "http/ngx_http_core_module.html#location",
	check:  health,
}}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func joinInts(list []int) string {
	var out []string
	for _, n := range list {
		out = append(out, strconv.Itoa(n))
	}
	return strings.Join(out, ", ")
}

// toService: the limits are those of the backend, which a service other than one with
// frontend in its name stands for.
func (c *check) toService(n *conf.Node) bool {
	hosts, _ := c.hosts(n)
	for _, h := range hosts {
		if strings.Contains(h, "frontend") || h == "localhost" || strings.HasPrefix(h, "127.") {
			continue
		}
		return true
	}
	return false
}

// health follows the health path through every server that serves.
func health(c *check) {
	p := c.stack.Backend.HealthPath
	h := c.cfg.HTTP()
	if p == "" || h == nil {
		return
	}
	reached := false
	for _, s := range c.cfg.Servers() {
		if len(public(s)) == 0 || !serves(s) {
			continue
		}
		f := routes.Find(s, p)
		l := f.Location
		if l == nil || f.Undecided != nil {
			continue
		}
		if l.Last("internal") != nil || refuses(l) {
			c.at(l, "%s is refused here", p)
			reached = true
			continue
		}
		if routes.Pass(l) == nil && l.Last("return") == nil && l.Last("js_content") == nil && l.Last("try_files") == nil {
			continue
		}
		reached = true
		if l.Last("return") != nil {
			continue // it answers in the rewrite phase, before a limit counts or anybody is asked who they are
		}
		for _, name := range []string{"limit_req", "limit_conn"} {
			if n := l.Value(name); n != nil {
				c.at(n, "%s is limited: %s counts for it", p, n.String())
			}
		}
		for _, name := range []string{"auth_basic", "auth_request", "deny"} {
			if n := l.Value(name); n != nil && n.Arg(0) != "off" {
				c.at(n, "%s is protected: %s counts for it", p, n.String())
			}
		}
	}
	if !reached && len(c.cfg.Servers()) > 0 {
		c.at(h, "no location passes %s on", p)
	}
}
