package lint

var processRules = []Rule{{
	ID: "worker-shutdown-timeout", Title: "Old workers may stay for ever after a reload", Severity: Warning,
	Why:    "A worker of before a reload ends when its last connection does. Event streams and WebSockets keep it for days; each reload adds more, with their memory and their old configuration.",
	Fix:    "Write `worker_shutdown_timeout 5m;` on the main level.",
	Source: docs + "ngx_core_module.html#worker_shutdown_timeout",
	check: func(c *check) {
		if h := c.cfg.HTTP(); h != nil && !c.incomplete() && c.cfg.Root.Last("worker_shutdown_timeout") == nil {
			c.at(h, "worker_shutdown_timeout is not set")
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
