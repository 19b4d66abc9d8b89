package lint

import (
	"slices"
	"time"

	"drydock/internal/gateway/lint/conf"
)

var processRules = []Rule{{
	ID: "worker-shutdown-timeout", Title: "Old workers stay for ever after a reload, or cut off open streams", Severity: Warning,
	Why:    "A worker of before a reload ends when its last connection does. Event streams and WebSockets keep it for days; each reload adds more, with their memory and their old configuration (bunkerweb 3153). With a bound of a few seconds each reload drops every open WebSocket (ingress-nginx 2461).",
	Fix:    "Write `worker_shutdown_timeout 5m;` on the main level.",
	Source: docs + "ngx_core_module.html#worker_shutdown_timeout",
	check: func(c *check) {
		h := c.cfg.HTTP()
		if h == nil || c.incomplete() {
			return
		}
		n := c.cfg.Root.Last("worker_shutdown_timeout")
		if n == nil {
			c.at(h, "worker_shutdown_timeout is not set")
			return
		}
		if t := parseTime(n.Arg(0)); t > 0 && t < 30*time.Second && c.upgrades() {
			c.at(n, "open WebSockets are cut off %s after each reload", t)
		}
	},
}, {
	ID: "keepalive-min-timeout", Title: "A reload resets requests that are on their way", Severity: Warning,
	Why:    "At a reload the workers of before close their idle connections at once. A request that arrives on one just then is reset, and a POST is not repeated by the client (nginx PR 437).",
	Fix:    "Write `keepalive_min_timeout 10s;` in http. nginx knows it from 1.27.4 on; before that, reload as seldom as possible.",
	Source: docs + "http/ngx_http_core_module.html#keepalive_min_timeout",
	check: func(c *check) {
		h := c.cfg.HTTP()
		if h == nil || c.incomplete() || c.version.Before(v(1, 27, 4)) {
			return
		}
		noted := map[*conf.Node]bool{} // once for all servers that inherit it
		for _, server := range c.cfg.Servers() {
			if k := server.Value("keepalive_timeout"); k != nil && parseTime(k.Arg(0)) == 0 || !passesOn(server) {
				continue // what only serves files is asked again by browsers
			}
			n := server.Value("keepalive_min_timeout")
			switch {
			case n == nil && !noted[h]:
				noted[h] = true
				c.at(h, "keepalive_min_timeout is not set")
			case n != nil && parseTime(n.Arg(0)) == 0 && !noted[n]:
				noted[n] = true
				c.at(n, "keepalive_min_timeout is 0, which is as if it were not set")
			}
		}
	},
}, {
	ID: "stack-workers", Title: "One worker for each processor of the host, in a container with limits", Severity: Warning,
	Why:    "worker_processes auto counts the processors of the host, not what the container may use. On a large host with a small memory limit that is a loop of being killed (nginx-gateway-fabric 5374).",
	Fix:    "Compute the number from the container's limits when it starts, or write it.",
	Source: docs + "ngx_core_module.html#worker_processes",
	check: func(c *check) {
		if n := c.cfg.Root.Last("worker_processes"); n != nil && n.Arg(0) == "auto" {
			c.at(n, "worker_processes is auto")
		}
	},
}}

// passesOn tells whether a server sends requests to another program.
func passesOn(server *conf.Node) bool {
	found := false
	server.Walk(func(n *conf.Node) bool {
		found = found || !n.Param && slices.Contains(passNames, n.Name)
		return !found
	})
	return found
}

// upgrades tells whether WebSockets are passed on.
func (c *check) upgrades() bool {
	found := false
	c.each(func(n *conf.Node) {
		if h := headerLine(n.Parent, "upgrade"); h != nil && h.Arg(1) != "" {
			found = true
		}
	}, "proxy_pass")
	return found
}
