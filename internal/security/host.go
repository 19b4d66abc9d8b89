package security

import (
	"strings"
)

// hostRules are about the engine and its machine: not the stack's to change, so notes.
func hostRules() []Rule {
	rule := func(id, title, zh, why, fix string, check func(Facts) string) Rule {
		return Rule{ID: "CIS-" + id, Source: cis + ", " + id, Title: title, TitleZh: zh, Why: why, Fix: fix, Host: true, Check: func(f Facts) []Finding {
			if what := check(f); what != "" {
				return []Finding{{Where: "engine", What: what}}
			}
			return nil
		}}
	}
	return []Rule{
		rule("2.1", "The engine runs without root", "引擎以非 root 身份运行", "A hole in it is then a user's, not the machine's.", "docs.docker.com/engine/security/rootless",
			func(f Facts) string { return whenNot(f.Daemon.Rootless(), "runs as root") }),
		rule("2.2", "Containers on the default bridge do not reach each other", "默认网桥上的容器互不可达", "The stack does not use that bridge; others on the machine may.", `"icc": false in daemon.json`,
			func(f Facts) string { return whenNot(!f.Daemon.BridgeICC, "icc is on") }),
		rule("2.5", "No registry is used without TLS", "没有使用不加密的镜像仓库", "Images could be changed on the way.", "Take insecure-registries out of daemon.json",
			func(f Facts) string {
				return whenNot(len(f.Daemon.InsecureRegistries) == 0, "insecure: "+strings.Join(f.Daemon.InsecureRegistries, ", "))
			}),
		rule("2.6", "The storage driver is not aufs", "没有使用 aufs 存储驱动", "It is no longer maintained.", `"storage-driver": "overlay2"`,
			func(f Facts) string { return whenNot(f.Daemon.StorageDriver != "aufs", "aufs") }),
		rule("2.9", "User namespaces are on", "启用了用户命名空间", "Root inside a container is nobody outside.", `"userns-remap": "default" in daemon.json, before there are volumes`,
			func(f Facts) string {
				return whenNot(f.linuxModule("userns") || f.Daemon.Rootless(), "no user namespaces; nothing here runs as root either way")
			}),
		rule("2.12", "A plugin decides who may do what", "由授权插件决定访问权限", "Whoever reaches the socket may do anything.", "Give few people the docker group; or authorization-plugins",
			func(f Facts) string { return whenNot(len(f.Daemon.Authorization) > 0, "no authorization plugin") }),
		rule("2.13", "Logs go to another machine", "日志发送到另一台机器", "Who owns this machine can change its logs.", "Ship them with an agent, or set a log driver",
			func(f Facts) string {
				return whenNot(f.Daemon.LoggingDriver != "json-file" && f.Daemon.LoggingDriver != "local", "the default log driver is "+f.Daemon.LoggingDriver)
			}),
		rule("2.14", "No new privileges is the engine's default", "引擎默认禁止提升权限", "Also for containers that are started by hand.", `"no-new-privileges": true in daemon.json`,
			func(f Facts) string {
				return whenNot(f.linuxModule("no-new-privileges"), "not the default; every service here sets it")
			}),
		rule("2.15", "Containers go on while the engine restarts", "引擎重启时容器继续运行", "An update of the engine is then no outage.", `"live-restore": true in daemon.json`,
			func(f Facts) string {
				return whenNot(f.Daemon.LiveRestore || f.Daemon.Swarm == "active", "live-restore is off")
			}),
		rule("2.17", "The engine has a seccomp profile", "引擎有 seccomp 配置", "Without one no container has.", "Use a kernel with CONFIG_SECCOMP",
			func(f Facts) string { return whenNot(f.linuxModule("seccomp"), "no seccomp") }),
		rule("2.18", "Nothing experimental is on", "没有启用实验性功能", "It may change or break.", `Take "experimental" out of daemon.json`,
			func(f Facts) string { return whenNot(!f.Daemon.Experimental, "experimental is on") }),
		rule("2.3", "The engine does not log at debug level", "引擎没有以调试级别记录日志", "Debug logs may hold what requests hold.", `"debug": false in daemon.json`,
			func(f Facts) string { return whenNot(!f.Daemon.Debug, "debug is on") }),
		rule("5.1", "Swarm mode is on only where it is used", "仅在使用时启用 Swarm", "It opens ports of its own.", "docker swarm leave",
			func(f Facts) string { return whenNot(f.Daemon.Swarm != "active", "swarm is active") }),
	}
}

// whenNot is the fault where what should be is not.
func whenNot(good bool, what string) string {
	if good {
		return ""
	}
	return what
}
