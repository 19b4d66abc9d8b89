package security

import (
	"fmt"
	"slices"
	"strings"

	"drydock/internal/engine"
)

func composeRules() []Rule {
	const spec = "Compose specification"
	return []Rule{
		{ID: "compose-secrets", Source: spec + ", secrets; OWASP Docker Security Cheat Sheet, rule 12", Title: "No secret is an environment variable", TitleZh: "环境变量中没有密钥",
			Why: "docker inspect, crash reports and child processes show the environment.", Fix: "Declare <APP>_SECRET_<NAME>; the service reads the file that <NAME>_FILE names.",
			Check: alone(func(c engine.Confinement) string {
				for _, kv := range c.Env {
					if name, ok := secretVariable(kv); ok {
						return "the environment has " + name
					}
				}
				return ""
			})},
		{ID: "compose-arguments", Source: "CWE-214", Title: "No secret is an argument of a process", TitleZh: "进程参数中没有密钥",
			Why: "Everybody on the machine can read the process list.", Fix: "Pass a path.",
			Check: alone(func(c engine.Confinement) string {
				for _, p := range c.Processes {
					for word := range strings.FieldsSeq(p.Args) {
						word = strings.ReplaceAll(strings.TrimLeft(word, "-"), "-", "_")
						if name, ok := secretVariable(word); ok && strings.Contains(word, "=") {
							return cut(p.Args) + " was started with " + name
						}
					}
				}
				return ""
			})},
		{ID: "compose-logs", Source: spec + ", logging; Docker documentation, configure logging drivers", Title: "Logs are bounded", TitleZh: "日志有大小上限",
			Why: "json-file has no limit of its own: the log of one service fills the disk of all.", Fix: "logging: max-size and max-file (LOG_MAX_SIZE, LOG_MAX_FILES).",
			Check: alone(func(c engine.Confinement) string {
				if c.LogDriver == "json-file" && c.LogOptions["max-size"] == "" {
					return "json-file without max-size"
				}
				return ""
			})},
		{ID: "compose-data-network", Source: spec + ", networks: internal", Title: "The database and Redis have no way out", TitleZh: "数据库和 Redis 无法访问外部网络",
			Why: "What was stolen cannot be sent away, and nobody outside can ask.", Fix: "Attach them to networks with internal: true alone.",
			Check: each(func(f Facts, c engine.Confinement) string {
				if s := c.Service(); s != "db" && s != "redis" {
					return ""
				}
				for _, e := range c.Networks {
					if n, ok := f.Networks[e.Network]; !ok || !n.Internal {
						return "is on " + e.Network + ", which is not internal"
					}
				}
				return ""
			})},
		{ID: "compose-entrance", Source: spec + ", networks", Title: "The gateway and the frontend cannot reach the data", TitleZh: "网关和前端无法访问数据层",
			Why: "Who breaks into the part that faces the internet still has the backend before him.", Fix: "Take the data network away from them.",
			Check: each(func(f Facts, c engine.Confinement) string {
				if s := c.Service(); s != "gateway" && s != "frontend" {
					return ""
				}
				for _, e := range c.Networks {
					for _, other := range f.Containers {
						if s := other.Service(); (s == "db" || s == "redis") && slices.ContainsFunc(other.Networks, func(o engine.Endpoint) bool { return o.ID == e.ID && e.ID != "" }) {
							return fmt.Sprintf("shares %s with %s", e.Network, s)
						}
					}
				}
				return ""
			})},
		{ID: "compose-binds", Source: "Docker documentation, bind mounts: considerations", Title: "Nothing of the machine is mounted", TitleZh: "没有挂载宿主机目录",
			Why: "A mount ties the stack to one machine's files, and lets one reach the other.", Fix: "Use a volume.",
			Check: each(func(f Facts, c engine.Confinement) string {
				for _, m := range c.Mounts {
					if m.Type == "bind" {
						return m.Name + " is mounted at " + m.Target
					}
				}
				return ""
			})},
	}
}
