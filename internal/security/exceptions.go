package security

import (
	"path"

	"drydock/internal/env"
)

// Exception is a rule that is broken on purpose in a named place.
type Exception struct {
	Rule     string
	Where    string   // of the finding, as path.Match has it; without a Dockerfile's line
	Mode     env.Mode // "" is both
	Reason   string
	ReasonZh string
}

// Exceptions are all of them. The manual has the same list.
func Exceptions() []Exception {
	return []Exception{
		{"CIS-5.12", "*", "",
			"Every service may use what is idle: on a machine for one product a fixed share only slows it down. Memory and processes are limited; give cpus in a compose file of your own where machines are shared.",
			"各服务可使用空闲的处理器：在只运行一个产品的机器上，固定份额只会拖慢它。内存和进程数已有上限；机器共用时，可在自己的 compose 文件中设置 cpus。"},
		{"CIS-5.15", "*", "",
			"A service has to come back after a failure at night and after the machine's restart, which on-failure does not do. The engine waits longer between attempts, up to a minute, and status shows the restarts.",
			"服务在夜间故障后、机器重启后都必须恢复，on-failure 做不到后者。引擎会逐次延长重试间隔，最长一分钟；status 会显示重启次数。"},
		{"CIS-5.8", "gateway", "",
			"It is the entrance: 80 and 443 are where browsers look. Nothing in the container needs a privilege for it, since it listens on 8080 and 8443 inside.",
			"网关是入口：浏览器访问的就是 80 和 443。容器内监听 8080 和 8443，不需要任何特权。"},
		{"CIS-5.14", "gateway", "",
			"It is the entrance for everybody. HTTP_BIND takes one address where the machine has several.",
			"网关面向所有人。机器有多个地址时，用 HTTP_BIND 指定其中一个。"},
		{"compose-binds", "backend", env.Dev,
			"Live reload reads the source from this machine; the mount is read-only.",
			"实时重载要读取本机源码；挂载为只读。"},
		{"compose-binds", "frontend", env.Dev,
			"Live reload reads the source from this machine; the mount is read-only.",
			"实时重载要读取本机源码；挂载为只读。"},
		{"compose-data-network", "db", env.Dev,
			"Tools on this machine reach it over 127.0.0.1, and an internal network publishes nothing.",
			"本机工具通过 127.0.0.1 访问它，而内部网络不能发布端口。"},
		{"compose-data-network", "redis", env.Dev,
			"Tools on this machine reach it over 127.0.0.1, and an internal network publishes nothing.",
			"本机工具通过 127.0.0.1 访问它，而内部网络不能发布端口。"},
		{"CIS-4.1", "backend", env.Dev,
			"Where root owns the checkout, the dev servers of the apps run as root to read it. Images and prod never do.",
			"检出目录属于 root 时，应用的开发服务器以 root 运行才能读取源码。镜像和生产环境从不如此。"},
		{"CIS-4.1", "frontend", env.Dev,
			"Where root owns the checkout, the dev servers of the apps run as root to read it. Images and prod never do.",
			"检出目录属于 root 时，应用的开发服务器以 root 运行才能读取源码。镜像和生产环境从不如此。"},
		{"CIS-4.1-file", "docker/base/Dockerfile", "",
			"Other images are built on it as root; each of them ends with a user of its own.",
			"其他镜像以 root 在其上构建；每个最终镜像都有自己的用户。"},
		{"CIS-4.1-file", "docker/toolchain-*/Dockerfile", "",
			"Builds start from it and nothing of it is shipped.",
			"仅用于构建，不会发布。"},
		{"CIS-4.1-file", "docker/probe/Dockerfile", "",
			"One file for other images; never started.",
			"只为其他镜像提供一个文件，从不启动。"},
		{"CIS-4.6-file", "docker/base/Dockerfile", "",
			"It is no service.",
			"它不是服务。"},
		{"CIS-4.6-file", "docker/toolchain-*/Dockerfile", "",
			"It is no service.",
			"它不是服务。"},
		{"CIS-4.6-file", "docker/nginx-base/Dockerfile", "",
			"It is no service: gateway and frontend are made from it, and each has its own check.",
			"它不是服务：网关和前端由它构建，各有自己的检查。"},
		{"CIS-4.6-file", "docker/probe/Dockerfile", "",
			"It is the health check for images that have none.",
			"它本身就是为没有健康检查的镜像准备的检查程序。"},
	}
}

// covers says whether the exception is about a finding.
func (e Exception) covers(rule string, mode env.Mode, f Finding) bool {
	if e.Rule != rule || e.Mode != "" && e.Mode != mode {
		return false
	}
	where := lineEnd.ReplaceAllString(f.Where, "")
	ok, err := path.Match(e.Where, where)
	return err == nil && ok // a test looks at the patterns
}
