package security

import (
	"fmt"
	"net/netip"
	"slices"

	"drydock/internal/engine"
)

func isolationRules() []Rule {
	host := func(what string, mode func(engine.Confinement) string) func(Facts) []Finding {
		return alone(when(func(c engine.Confinement) bool { return mode(c) == "host" }, "shares the machine's "+what))
	}
	return []Rule{
		{ID: "CIS-5.8", Source: cis + ", 5.8", Title: "No port below 1024 of the machine is published", TitleZh: "没有发布宿主机 1024 以下的端口",
			Why: "Such ports stand for the machine itself.", Fix: "Publish another port, or name the exception.",
			Check: ports(func(_ Facts, _ engine.Confinement, p engine.Port) string {
				if p.Host < 1024 {
					return fmt.Sprintf("publishes port %d", p.Host)
				}
				return ""
			})},
		{ID: "CIS-5.9", Source: cis + ", 5.9", Title: "Only the gateway publishes ports; in dev also db and redis, to this machine", TitleZh: "只有网关发布端口；开发环境中 db 和 redis 也发布，仅限本机",
			Why: "What is not published cannot be attacked from outside.", Fix: "Take ports: away; psql and redis are targets of their own.",
			Check: ports(neededPort)},
		{ID: "CIS-5.10", Source: cis + ", 5.10", Title: "No container shares the machine's network", TitleZh: "没有容器共享宿主机网络",
			Why: "It would see and open every port of the machine.", Fix: "Take network_mode: host away.",
			Check: host("network", func(c engine.Confinement) string { return c.NetworkMode })},
		{ID: "CIS-5.14", Source: cis + ", 5.14", Title: "Published ports are bound to one address", TitleZh: "发布的端口绑定到一个地址",
			Why: "A machine may have an address on a network that should not see the service.", Fix: "Set HTTP_BIND.",
			Check: ports(func(_ Facts, _ engine.Confinement, p engine.Port) string {
				if ip, err := netip.ParseAddr(p.HostIP); err != nil || ip.IsUnspecified() {
					return fmt.Sprintf("port %d is published on every address", p.Host)
				}
				return ""
			})},
		{ID: "CIS-5.16", Source: cis + ", 5.16", Title: "No container sees the machine's processes", TitleZh: "没有容器共享宿主机的进程空间",
			Why: "It could signal and look into all of them.", Fix: "Take pid: host away.",
			Check: host("processes", func(c engine.Confinement) string { return c.PidMode })},
		{ID: "CIS-5.17", Source: cis + ", 5.17", Title: "No container shares the machine's memory segments", TitleZh: "没有容器共享宿主机的 IPC 空间",
			Why: "Other programs' shared memory could be read and changed.", Fix: "Take ipc: host away.",
			Check: host("IPC", func(c engine.Confinement) string { return c.IpcMode })},
		{ID: "CIS-5.21", Source: cis + ", 5.21", Title: "No container shares the machine's host name", TitleZh: "没有容器共享宿主机的 UTS 空间",
			Why: "It could rename the machine.", Fix: "Take uts: host away.",
			Check: host("host name", func(c engine.Confinement) string { return c.UTSMode })},
		{ID: "CIS-5.30", Source: cis + ", 5.30", Title: "The default bridge is not used", TitleZh: "没有使用默认网桥",
			Why: "Everything on it reaches everything else on the machine that is.", Fix: "Use networks of the project.",
			Check: alone(func(c engine.Confinement) string {
				if c.NetworkMode == "bridge" || c.NetworkMode == "default" || slices.ContainsFunc(c.Networks, func(e engine.Endpoint) bool { return e.Network == "bridge" }) {
					return "is on the default bridge"
				}
				return ""
			})},
		{ID: "CIS-5.31", Source: cis + ", 5.31", Title: "No container leaves the engine's user namespace", TitleZh: "没有容器脱离引擎的用户命名空间",
			Why: "Root inside would be root outside again.", Fix: "Take userns_mode: host away.",
			Check: host("user namespace", func(c engine.Confinement) string { return c.UsernsMode })},
	}
}

// ports makes a check out of one for a single published port.
func ports(check func(Facts, engine.Confinement, engine.Port) string) func(Facts) []Finding {
	return func(f Facts) []Finding {
		var found []Finding
		for _, c := range f.Containers {
			for _, p := range c.Ports {
				if p.Host == 0 {
					continue
				}
				finding := Finding{Where: c.Service(), What: check(f, c, p)}
				if finding.What != "" && !slices.Contains(found, finding) {
					found = append(found, finding)
				}
			}
		}
		return found
	}
}

func neededPort(f Facts, c engine.Confinement, p engine.Port) string {
	ip, err := netip.ParseAddr(p.HostIP)
	local := err == nil && ip.IsLoopback()
	switch service := c.Service(); {
	case service == "gateway" && (p.Container == 8080 || p.Container == 8443):
		return ""
	case f.Mode == "dev" && local && (service == "db" || service == "redis"):
		return ""
	}
	return fmt.Sprintf("publishes port %d on %s", p.Host, p.HostIP)
}
