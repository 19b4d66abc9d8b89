package env

import "time"

func projectKeys() []Key {
	return []Key{
		{Name: "MODE", Group: "project", field: anEnum(func(s *Settings) *Mode { return &s.Mode }, "dev", "prod"),
			Doc:   "How the environment runs: dev has live reload and published database ports, prod has built images and strict checks. Without it ENV=dev is dev and every other environment is prod.",
			DocZh: "环境的运行方式：dev 带热重载并开放数据库端口，prod 使用构建好的镜像并执行严格检查。未设置时 ENV=dev 为 dev，其他环境均为 prod。"},
		{Name: "PROJECT", Group: "project", Default: "drydock", Active: true, field: aName(40, func(s *Settings) *string { return &s.Project }),
			Doc:   "Prefix of all that is made in the engine: compose projects, networks, volumes. Two environments on one engine need two names, so set it in env/<env>.env or .env.<env>.local, and not in .env, which counts for all of them. It must not end in -blue, -green or -drill: those are what Drydock makes beside it.",
			DocZh: "引擎中所有对象的前缀：compose 项目、网络、卷。同一引擎上的两个环境必须使用不同的名称，因此请写在 env/<env>.env 或 .env.<env>.local 中，不要写在对所有环境都有效的 .env 中。不能以 -blue、-green 或 -drill 结尾：这些名称由 Drydock 自己使用。"},
		{Name: "HTTP_BIND", Group: "project", Default: "127.0.0.1", Active: true, field: anAddress(func(s *Settings) *string { return &s.HTTP.Bind }),
			Doc:   "Address on which the one entrance, the gateway, is published.",
			DocZh: "唯一入口（网关）对外发布的地址。"},
		{Name: "HTTP_PORT", Group: "project", Default: "8080", Active: true, field: aPort(func(s *Settings) *int { return &s.HTTP.Port }),
			Doc:   "Port on which the gateway is published.",
			DocZh: "网关对外发布的端口。"},
		{Name: "HTTPS_PORT", Group: "project", Default: "8443", Active: true, field: aPort(func(s *Settings) *int { return &s.HTTP.TLSPort }),
			Doc:   "Port on which the gateway is published for HTTPS, unless TLS is off.",
			DocZh: "网关对外发布 HTTPS 的端口；TLS 为 off 时不发布。"},
	}
}

// appKeys is what both halves of the product have.
func appKeys(prefix, group, name, nameZh, dir, health, memory string, app func(*Settings) *App) []Key {
	return []Key{
		{Name: prefix + "_CONTEXT", Group: group, Default: "apps/" + dir, Active: true, field: aPath(func(s *Settings) *string { return &app(s).Context }),
			Doc:   "Build context of the " + name + ": the folder with its source.",
			DocZh: nameZh + "的构建上下文：源代码所在的文件夹。"},
		{Name: prefix + "_DOCKERFILE", Group: group, Default: "docker/" + dir + "/Dockerfile", Active: true, field: aPath(func(s *Settings) *string { return &app(s).Dockerfile }),
			Doc:   "Dockerfile of the " + name + ", with the stages dev and prod.",
			DocZh: nameZh + "的 Dockerfile，包含 dev 和 prod 两个阶段。"},
		{Name: prefix + "_IMAGE", Group: group, field: anImage(func(s *Settings) *string { return &app(s).Image }),
			Doc:   "A ready image to run instead of building one.",
			DocZh: "直接使用的现成镜像，不再构建。"},
		{Name: prefix + "_PORT", Group: group, Default: "8080", Active: true, field: aPort(func(s *Settings) *int { return &app(s).Port }),
			Doc:   "Port on which the " + name + " listens inside its container; it gets it as PORT. It is never published.",
			DocZh: nameZh + "在容器内监听的端口，以 PORT 传入容器。该端口从不对外发布。"},
		{Name: prefix + "_HEALTH_PATH", Group: group, Default: health, Active: true, field: aURLPath(func(s *Settings) *string { return &app(s).HealthPath }),
			Doc:   "Path that answers 200 when the " + name + " can take requests.",
			DocZh: nameZh + "可以接受请求时返回 200 的路径。"},
		{Name: prefix + "_REPLICAS", Group: group, Default: "1", Active: true, field: anInt(1, 50, func(s *Settings) *int { return &app(s).Replicas }),
			Doc:   "Number of containers of the " + name + " in each colour.",
			DocZh: "每种颜色（蓝/绿）中" + nameZh + "容器的数量。"},
		{Name: prefix + "_MEMORY", Group: group, Default: memory, Active: true, field: aMemory(func(s *Settings) *string { return &app(s).Memory }),
			Doc:   "Memory limit of one container of the " + name + ".",
			DocZh: "每个" + nameZh + "容器的内存上限。"},
		{Name: prefix + "_PIDS", Group: group, Default: "512", Active: true, field: anInt(16, 1<<20, func(s *Settings) *int { return &app(s).PidsLimit }),
			Doc:   "How many processes and threads one container of the " + name + " may have.",
			DocZh: "每个" + nameZh + "容器允许的进程和线程数量。"},
		{Name: prefix + "_GRACE", Group: group, Default: "30s", Active: true, field: aDuration(time.Second, time.Hour, func(s *Settings) *time.Duration { return &app(s).Grace }),
			Doc:   "How long a container of the " + name + " may take to finish its requests after SIGTERM, before it is killed.",
			DocZh: nameZh + "容器收到 SIGTERM 后处理完剩余请求的最长时间，超时将被强制结束。"},
	}
}

func backendKeys() []Key {
	keys := appKeys("BACKEND", "backend", "backend", "后端", "backend", "/readyz", "256m", func(s *Settings) *App { return &s.Backend })
	return append(keys, Key{Name: "BACKEND_MIGRATE", Group: "backend", Default: "migrate up", field: aCommand(func(s *Settings) *[]string { return &s.Backend.Migrate }),
		Doc:   "Arguments of the backend's image that run the database migrations, before a new version starts.",
		DocZh: "在新版本启动之前，让后端镜像执行数据库迁移的参数。"})
}

func frontendKeys() []Key {
	keys := appKeys("FRONTEND", "frontend", "frontend", "前端", "frontend", "/healthz", "64m", func(s *Settings) *App { return &s.Frontend })
	return append(keys, Key{Name: "FRONTEND_ASSETS", Group: "frontend", Default: "/assets/", Active: true, field: anAssetPrefix(func(s *Settings) *string { return &s.Frontend.Assets }),
		Doc:   "Path below which every file has a hash of its content in its name. Browsers keep those for a year, and those of the release before stay available after a deploy as long as its containers run: not with KEEP_WARM=false, and not with ENGINE=swarm.",
		DocZh: "该路径下的所有文件名都带有内容哈希。浏览器会缓存一年，部署之后，上一个版本的容器还在运行时，它的文件仍然可用：KEEP_WARM=false 或 ENGINE=swarm 时则不可用。"})
}

func databaseKeys() []Key {
	return []Key{
		{Name: "POSTGRES_IMAGE", Group: "database", field: anImage(func(s *Settings) *string { return &s.Database.Image }),
			Doc:   "A ready PostgreSQL image to run instead of ours; its environment contract is the official image's.",
			DocZh: "用于替换自带镜像的 PostgreSQL 镜像；环境变量约定与官方镜像一致。"},
		{Name: "POSTGRES_VERSION", Group: "database", Default: "17", Active: true, field: anEnum(func(s *Settings) *string { return &s.Database.Version }, "17", "18"),
			Doc:   "Major version of PostgreSQL in our images, server and backup client: 17 on Debian 13, 18 on Debian forky. Data of another one are not read: docs/en/upgrading.md says how to go on.",
			DocZh: "自带镜像（服务器与备份客户端）中 PostgreSQL 的主版本：17 基于 Debian 13，18 基于 Debian forky。无法读取其他主版本的数据，升级方法见 docs/zh/upgrading.md。"},
		{Name: "DB_NAME", Group: "database", Default: "app", Active: true, field: aDatabaseName(func(s *Settings) *string { return &s.Database.Name }),
			Doc: "Name of the database.", DocZh: "数据库名称。"},
		{Name: "DB_USER", Group: "database", Default: "app", Active: true, field: aDatabaseName(func(s *Settings) *string { return &s.Database.User }),
			Doc: "Role that owns the database and that the backend connects as.", DocZh: "数据库的所有者角色，后端以此身份连接。"},
		{Name: "DB_PASSWORD", Group: "database", Secret: true, Make: true, field: aSecret(func(s *Settings) *Secret { return &s.Database.Password }),
			Doc:   "Password of DB_USER. Made on first use in dev; in prod `ENV=prod go tool mage env:secrets` makes one.",
			DocZh: "DB_USER 的密码。dev 中首次使用时自动生成；prod 中用 `ENV=prod go tool mage env:secrets` 生成。"},
		{Name: "DB_PORT", Group: "database", Default: "15432", Active: true, field: aPort(func(s *Settings) *int { return &s.Database.Port }),
			Doc:   "Port on 127.0.0.1 where dev publishes PostgreSQL. In prod it is not published.",
			DocZh: "dev 在 127.0.0.1 上发布 PostgreSQL 的端口。prod 不发布。"},
		{Name: "DB_MEMORY", Group: "database", Default: "512m", Active: true, field: aMemory(func(s *Settings) *string { return &s.Database.Memory }),
			Doc: "Memory limit of PostgreSQL's container.", DocZh: "PostgreSQL 容器的内存上限。"},
	}
}

func redisKeys() []Key {
	return []Key{
		{Name: "REDIS_IMAGE", Group: "redis", field: anImage(func(s *Settings) *string { return &s.Redis.Image }),
			Doc:   "A ready Redis image to run instead of ours; its environment contract is the official image's.",
			DocZh: "用于替换自带镜像的 Redis 镜像；环境变量约定与官方镜像一致。"},
		{Name: "REDIS_PASSWORD", Group: "redis", Secret: true, Make: true, field: aSecret(func(s *Settings) *Secret { return &s.Redis.Password }),
			Doc:   "Password of Redis. Made on first use in dev; in prod `ENV=prod go tool mage env:secrets` makes one.",
			DocZh: "Redis 的密码。dev 中首次使用时自动生成；prod 中用 `ENV=prod go tool mage env:secrets` 生成。"},
		{Name: "REDIS_PORT", Group: "redis", Default: "16379", Active: true, field: aPort(func(s *Settings) *int { return &s.Redis.Port }),
			Doc:   "Port on 127.0.0.1 where dev publishes Redis. In prod it is not published.",
			DocZh: "dev 在 127.0.0.1 上发布 Redis 的端口。prod 不发布。"},
		{Name: "REDIS_MEMORY", Group: "redis", Default: "128m", Active: true, field: aMemory(func(s *Settings) *string { return &s.Redis.Memory }),
			Doc: "Memory limit of Redis's container.", DocZh: "Redis 容器的内存上限。"},
		{Name: "REDIS_MAXMEMORY", Group: "redis", Default: "96m", Active: true, field: aMemory(func(s *Settings) *string { return &s.Redis.MaxMemory }),
			Doc:   "Amount of data at which Redis begins to evict. It must be less than REDIS_MEMORY, which also holds buffers and the copy that a save makes.",
			DocZh: "Redis 开始淘汰数据的内存用量。必须小于 REDIS_MEMORY，后者还要容纳缓冲区和持久化时的副本。"},
	}
}

func logKeys() []Key {
	return []Key{
		{Name: "LOG_LEVEL", Group: "logs", Default: "info", Active: true, field: anEnum(func(s *Settings) *string { return &s.Logs.Level }, "debug", "info", "warn", "error"),
			Doc: "What the backend logs.", DocZh: "后端的日志级别。"},
		{Name: "LOG_MAX_SIZE", Group: "logs", Default: "10m", Active: true, field: aLogSize(func(s *Settings) *string { return &s.Logs.MaxSize }),
			Doc:   "Size at which Docker rotates the log of a container.",
			DocZh: "Docker 轮转容器日志的大小。"},
		{Name: "LOG_MAX_FILES", Group: "logs", Default: "3", Active: true, field: anInt(1, 1000, func(s *Settings) *int { return &s.Logs.MaxFiles }),
			Doc:   "How many log files are kept for each container.",
			DocZh: "每个容器保留的日志文件数量。"},
	}
}
