package env

// The registry's own Debian bases, by digest of the multi-platform index, so
// that a pull is reproducible: trixie-20261005-slim, and forky-slim of August 2026.
const (
	trixieImage = "debian:trixie-slim@sha256:a29215f6a35e51e22adffa17f89e9d2ef06214e64a2bad10d765c46aea49f11f"
	forkyImage  = "debian:forky-slim@sha256:91b0aaebf7a1ccacfe7a9cbff6ab2d6be7d9b3b6cf1dfcf44b25f9095c0e0464"
)

func imageKeys() []Key {
	return []Key{
		{Name: "IMAGE_PREFIX", Group: "image", Default: "drydock", Active: true, field: aRepository(func(s *Settings) *string { return &s.Image.Prefix }),
			Doc:   "What the images' names start with: <IMAGE_PREFIX>/backend:v1.2.0.",
			DocZh: "镜像名称的前缀：<IMAGE_PREFIX>/backend:v1.2.0。"},
		{Name: "VERSION", Group: "image", field: aTag(func(s *Settings) *string { return &s.Image.Version }),
			Doc:   "Version of the product, instead of the one that git describes.",
			DocZh: "产品版本，用来代替 git 描述的版本。"},
		{Name: "IMAGE_KEEP", Group: "image", Default: "5", field: anInt(0, 1000, func(s *Settings) *int { return &s.Image.Keep }),
			Doc:   "How many versions of each image image:prune leaves, besides the ones in use.",
			DocZh: "image:prune 为每个镜像保留的版本数量，正在使用的不计在内。"},
		{Name: "REGISTRY", Group: "image", field: optional(aRepository(func(s *Settings) *string { return &s.Image.Registry })),
			Doc:   "Registry that image:push publishes to: host[:port]/path.",
			DocZh: "image:push 发布到的镜像仓库：主机[:端口]/路径。"},
		{Name: "REGISTRY_USER", Group: "image", field: aText("empty takes docker's own login", "空值使用 docker 自己的登录信息", func(s *Settings) *string { return &s.Image.RegistryUser }),
			Doc:   "User of the registry.",
			DocZh: "镜像仓库的用户名。"},
		{Name: "REGISTRY_PASSWORD", Group: "image", Secret: true, field: aSecret(func(s *Settings) *Secret { return &s.Image.RegistryPassword }),
			Doc:   "Password or token of REGISTRY_USER.",
			DocZh: "REGISTRY_USER 的密码或令牌。"},
	}
}

func buildKeys() []Key {
	text := func(at func(*Settings) *string) field { return aText("empty for none", "空值表示没有", at) }
	return []Key{
		{Name: "BASE", Group: "build", Default: "auto", field: anEnum(func(s *Settings) *string { return &s.Build.Base }, "auto", "registry", "debian"),
			Doc:   "Where the base images come from: a registry, or Debian's packages, which needs none. auto asks the registry first.",
			DocZh: "基础镜像的来源：镜像仓库（registry），或不需要仓库的 Debian 软件包（debian）。auto 先尝试仓库。"},
		{Name: "BASE_TRIXIE_IMAGE", Group: "build", Default: trixieImage, field: anImage(func(s *Settings) *string { return &s.Build.TrixieImage }),
			Doc:   "The registry's Debian 13 base.",
			DocZh: "镜像仓库中的 Debian 13 基础镜像。"},
		{Name: "BASE_FORKY_IMAGE", Group: "build", Default: forkyImage, field: anImage(func(s *Settings) *string { return &s.Build.ForkyImage }),
			Doc:   "The registry's Debian forky base, for nginx only.",
			DocZh: "镜像仓库中的 Debian forky 基础镜像，仅用于 nginx。"},
		{Name: "GO_IMAGE", Group: "build", field: anImage(func(s *Settings) *string { return &s.Build.GoImage }),
			Doc:   "A ready image with Go, such as golang:1.26-trixie, instead of Go from trixie-backports.",
			DocZh: "带有 Go 的现成镜像（例如 golang:1.26-trixie），代替 trixie-backports 中的 Go。"},
		{Name: "NODE_IMAGE", Group: "build", field: anImage(func(s *Settings) *string { return &s.Build.NodeImage }),
			Doc:   "A ready image with Node, such as node:24-trixie-slim, instead of Debian's Node.",
			DocZh: "带有 Node 的现成镜像（例如 node:24-trixie-slim），代替 Debian 的 Node。"},
		{Name: "NGINX_IMAGE", Group: "build", field: anImage(func(s *Settings) *string { return &s.Build.NginxImage }),
			Doc:   "A ready image with nginx 1.30 or newer, instead of nginx from Debian forky.",
			DocZh: "带有 nginx 1.30 或更新版本的现成镜像，代替 Debian forky 中的 nginx。"},
		{Name: "DEBIAN_MIRROR", Group: "build", Default: "http://deb.debian.org/debian", host: hostMirror, field: aURL(func(s *Settings) *string { return &s.Build.DebianMirror }, "http", "https"),
			Doc:   "Debian mirror for builds. The host's own apt configuration is taken where the host is Debian.",
			DocZh: "构建使用的 Debian 镜像站。主机为 Debian 时默认取主机自己的 apt 配置。"},
		{Name: "DEBIAN_SECURITY_MIRROR", Group: "build", Default: "http://deb.debian.org/debian-security", host: hostSecurityMirror, field: aURL(func(s *Settings) *string { return &s.Build.SecurityMirror }, "http", "https"),
			Doc:   "Mirror of Debian's security updates, found like DEBIAN_MIRROR.",
			DocZh: "Debian 安全更新的镜像站，查找方式与 DEBIAN_MIRROR 相同。"},
		{Name: "DEBIAN_CHECK_VALID_UNTIL", Group: "build", Default: "true", host: hostValidUntil, field: aBool(func(s *Settings) *bool { return &s.Build.CheckValidUntil }),
			Doc:   "Whether apt refuses expired indexes; false for snapshot mirrors. Found like DEBIAN_MIRROR.",
			DocZh: "apt 是否拒绝过期的索引；快照镜像站请设为 false。查找方式与 DEBIAN_MIRROR 相同。"},
		{Name: "GOPROXY", Group: "build", Default: "https://proxy.golang.org,direct", Ambient: true, host: hostGo("GOPROXY"), field: text(func(s *Settings) *string { return &s.Build.GoProxy }),
			Doc:   "Go module proxy for builds; what `go env GOPROXY` says on the host.",
			DocZh: "构建使用的 Go 模块代理；默认为主机上 `go env GOPROXY` 的值。"},
		{Name: "GOSUMDB", Group: "build", Default: "sum.golang.org", Ambient: true, host: hostGo("GOSUMDB"), field: text(func(s *Settings) *string { return &s.Build.GoSumDB }),
			Doc:   "Go checksum database for builds; what `go env GOSUMDB` says on the host.",
			DocZh: "构建使用的 Go 校验和数据库；默认为主机上 `go env GOSUMDB` 的值。"},
		{Name: "NPM_REGISTRY", Group: "build", Default: "https://registry.npmjs.org/", host: hostNpm, field: aURL(func(s *Settings) *string { return &s.Build.NpmRegistry }, "http", "https"),
			Doc:   "npm registry for builds. The host's npm configuration is taken (NPM_CONFIG_REGISTRY, ~/.npmrc).",
			DocZh: "构建使用的 npm 仓库。默认取主机的 npm 配置（NPM_CONFIG_REGISTRY、~/.npmrc）。"},
		{Name: "HTTP_PROXY", Group: "build", Ambient: true, host: hostProxy("http_proxy"), field: aProxy(func(s *Settings) *string { return &s.Build.HTTPProxy }),
			Doc:   "Proxy for http:// in builds; http_proxy counts, too.",
			DocZh: "构建时访问 http:// 的代理；也识别 http_proxy。"},
		{Name: "HTTPS_PROXY", Group: "build", Ambient: true, host: hostProxy("https_proxy"), field: aProxy(func(s *Settings) *string { return &s.Build.HTTPSProxy }),
			Doc:   "Proxy for https:// in builds; https_proxy counts, too.",
			DocZh: "构建时访问 https:// 的代理；也识别 https_proxy。"},
		{Name: "NO_PROXY", Group: "build", Ambient: true, host: hostProxy("no_proxy"), field: text(func(s *Settings) *string { return &s.Build.NoProxy }),
			Doc:   "Hosts that are reached without a proxy, separated by commas; no_proxy counts, too.",
			DocZh: "不经代理访问的主机，用逗号分隔；也识别 no_proxy。"},
		{Name: "EXTRA_CA", Group: "build", host: hostCA, field: aFile(func(s *Settings) *string { return &s.Build.ExtraCA }),
			Doc:   "PEM bundle of certificate authorities that builds trust; they get it as a secret and nothing of it stays in an image. The host's own bundle is taken (SSL_CERT_FILE, /etc/ssl/certs/ca-certificates.crt).",
			DocZh: "构建信任的 CA 证书包（PEM）；以构建密钥的形式传入，不会留在镜像中。默认取主机的证书包（SSL_CERT_FILE、/etc/ssl/certs/ca-certificates.crt）。"},
		{Name: "BUILD_NETWORK", Group: "build", Default: "default", field: anEnum(func(s *Settings) *string { return &s.Build.Network }, "default", "host"),
			Doc:   "Network of builds; host reaches a proxy that listens on this machine's 127.0.0.1.",
			DocZh: "构建使用的网络；host 可以访问监听在本机 127.0.0.1 上的代理。"},
	}
}
