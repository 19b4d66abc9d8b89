package env

import "time"

// Deploy is how a release replaces the one before.
type Deploy struct {
	Timeout     time.Duration // DEPLOY_TIMEOUT: until every container of a release is healthy
	Stable      time.Duration // DEPLOY_STABLE: how long they have to stay so
	Drain       time.Duration // DRAIN: what requests under way on the old colour get
	SmokePaths  []string      // SMOKE_PATHS: asked before anybody else may
	VersionPath string        // BACKEND_VERSION_PATH; "" is not asked
	Canary      int           // CANARY: per cent of the clients; 0 is none
	CanaryFor   time.Duration // CANARY_FOR
	Watch       time.Duration // WATCH_FOR; 0 does not watch
	MaxErrors   int           // MAX_ERROR_RATE: per cent of the requests
	MaxSlowdown int           // MAX_SLOWDOWN: times the old colour's; 0 does not look
	KeepWarm    bool          // KEEP_WARM: the old colour goes on running
	Migrations  string        // MIGRATIONS: folder of the SQL files; "" is not checked
	LockTimeout time.Duration // MIGRATE_LOCK_TIMEOUT
	Backup      string        // DEPLOY_BACKUP: one of the Save constants
	PreHook     []string      // PRE_DEPLOY
	PostHook    []string      // POST_DEPLOY
	Webhook     Secret        // DEPLOY_WEBHOOK: a URL, which may hold a token
	BuildHost   string        // BUILD_HOST: engine that builds, as in DOCKER_HOST; "" is the one that runs
	By          string        // DEPLOY_BY: who is in the history; "" is the user of this machine
	Engine      string        // ENGINE: one of the Engine constants
	Nodes       []string      // SWARM_NODES: the other nodes' engines, as in DOCKER_HOST
}

// What a deploy does to the database before it migrates it.
const (
	SaveDump    = "dump"
	SavePoint   = "point"
	SaveNothing = "none"
)

func deployKeys() []Key {
	d := func(s *Settings) *Deploy { return &s.Deploy }
	return []Key{
		{Name: "DEPLOY_TIMEOUT", Group: "deploy", Default: "3m", Active: true, field: aDuration(5*time.Second, time.Hour, func(s *Settings) *time.Duration { return &d(s).Timeout }),
			Doc:   "How long a new release may take until all of its containers are healthy.",
			DocZh: "新版本的所有容器变为健康状态的最长时间。"},
		{Name: "DEPLOY_STABLE", Group: "deploy", Default: "5s", Active: true, field: aDuration(0, 10*time.Minute, func(s *Settings) *time.Duration { return &d(s).Stable }),
			Doc:   "How long they have to stay healthy, without a restart, before they get requests.",
			DocZh: "容器在接收请求之前，须保持健康且无重启的时间。"},
		{Name: "BACKEND_VERSION_PATH", Group: "deploy", Default: "/api/version", Active: true, field: optional(aURLPath(func(s *Settings) *string { return &d(s).VersionPath })),
			Doc:   "Path, through the gateway, whose answer contains the version that the backend got as APP_VERSION. A release that answers another one does not go live. Empty is not checked.",
			DocZh: "经由网关访问的路径，其响应须包含后端以 APP_VERSION 得到的版本号。响应其他版本的发布不会上线。空值表示不检查。"},
		{Name: "SMOKE_PATHS", Group: "deploy", Default: "/", Active: true, field: aPathList(func(s *Settings) *[]string { return &d(s).SmokePaths }),
			Doc:   "Paths that the new release has to answer with 2xx or 3xx, through the gateway's private port, before anybody else is sent to it.",
			DocZh: "在任何用户被转到新版本之前，新版本必须通过网关的私有端口以 2xx 或 3xx 应答的路径。"},
		{Name: "CANARY", Group: "deploy", Default: "0", Active: true, field: anInt(0, 99, func(s *Settings) *int { return &d(s).Canary }),
			Doc:   "Per cent of the clients that try the new release first, for CANARY_FOR. 0 is none: all change at once.",
			DocZh: "先试用新版本的客户端百分比，持续 CANARY_FOR。0 表示不试用，全部同时切换。"},
		{Name: "CANARY_FOR", Group: "deploy", Default: "60s", Active: true, field: aDuration(time.Second, time.Hour, func(s *Settings) *time.Duration { return &d(s).CanaryFor }),
			Doc:   "How long the canary lasts. Then all clients change to the new release, or none.",
			DocZh: "金丝雀阶段的时长。之后所有客户端切换到新版本，或全部不切换。"},
		{Name: "WATCH_FOR", Group: "deploy", Default: "30s", Active: true, field: aDuration(0, time.Hour, func(s *Settings) *time.Duration { return &d(s).Watch }),
			Doc:   "How long the new release is watched after the switch. When it does badly, the old one gets the requests back and the deploy fails. 0s does not watch.",
			DocZh: "切换后观察新版本的时长。若表现不佳，请求会自动回到旧版本，部署以失败结束。0s 表示不观察。"},
		{Name: "MAX_ERROR_RATE", Group: "deploy", Default: "5", Active: true, field: anInt(0, 100, func(s *Settings) *int { return &d(s).MaxErrors }),
			Doc:   "Per cent of the new release's requests that may be answered with 5xx, beyond what the old one had, while it is watched or a canary.",
			DocZh: "在观察和金丝雀阶段，新版本以 5xx 应答的请求比旧版本多出的最大百分比。"},
		{Name: "MAX_SLOWDOWN", Group: "deploy", Default: "3", Active: true, field: anInt(0, 1000, func(s *Settings) *int { return &d(s).MaxSlowdown }),
			Doc:   "How many times as slow as the old release's the new one's requests may be (90 of 100 of them). 0 does not look at it.",
			DocZh: "新版本的请求（其中 90%）最多可以比旧版本慢多少倍。0 表示不检查。"},
		{Name: "DRAIN", Group: "deploy", Default: "30s", Active: true, field: aDuration(0, 10*time.Minute, func(s *Settings) *time.Duration { return &d(s).Drain }),
			Doc:   "How long requests that are under way on a colour may take before its containers are told to end; then <APP>_GRACE is theirs, too.",
			DocZh: "在通知某种颜色的容器结束之前，留给正在处理的请求的时间；之后还有 <APP>_GRACE。"},
		{Name: "KEEP_WARM", Group: "deploy", Default: "true", Active: true, field: aBool(func(s *Settings) *bool { return &d(s).KeepWarm }),
			Doc:   "Leave the old release running beside the new one, so that deploy:rollback only checks and switches: it serves again after DEPLOY_STABLE and some seconds, and its assets (FRONTEND_ASSETS) stay available to pages that were open before. It needs the memory of both. Without it, and with ENGINE=swarm, which has no such release, pages that were open before may miss files.",
			DocZh: "让旧版本与新版本并存运行，使 deploy:rollback 只需检查和切换：经过 DEPLOY_STABLE 加数秒后即恢复服务，部署前已打开的页面也仍能取到它的静态文件（FRONTEND_ASSETS）。需要两者的内存。关闭时，以及在没有此类版本的 ENGINE=swarm 下，已打开的页面可能缺少文件。"},
		{Name: "MIGRATIONS", Group: "deploy", Default: "apps/backend/internal/store/migrations", Active: true, field: optional(aPath(func(s *Settings) *string { return &d(s).Migrations })),
			Doc:   "Folder with the SQL files of the migrations. New ones are checked before a deploy: what takes away something that the running release needs has to be marked. Empty, a folder that is not there, or no BACKEND_MIGRATE: nothing is checked.",
			DocZh: "数据库迁移 SQL 文件所在的文件夹。部署前检查新增的文件：删除正在运行的版本所需内容的语句必须加标记。空值、文件夹不存在或未设置 BACKEND_MIGRATE 时不检查。"},
		{Name: "MIGRATE_LOCK_TIMEOUT", Group: "deploy", Default: "5s", Active: true, field: aDuration(100*time.Millisecond, time.Minute, func(s *Settings) *time.Duration { return &d(s).LockTimeout }),
			Doc:   "How long a migration may wait for a lock on a table; the requests that come later wait behind it. The migrations get it under the same name.",
			DocZh: "迁移等待表锁的最长时间；之后到来的请求会排在其后等待。迁移以相同的变量名得到该值。"},
		{Name: "DEPLOY_BACKUP", Group: "deploy", Default: SaveDump, Active: true, field: anEnum(func(s *Settings) *string { return &d(s).Backup }, SaveDump, SavePoint, SaveNothing),
			Doc:   "What is done to the database before a deploy that brings new migrations, so that it can be had back as it was: dump makes one, point has the log archived up to that moment (quick; needs physical backups), none does nothing. When it fails, so does the deploy, with nothing changed.",
			DocZh: "部署带来新的数据库迁移之前，为能恢复到之前状态所做的准备：dump 生成一份转储；point 将日志归档到该时刻（很快，需要物理备份）；none 不做任何事。若失败则部署失败，不作任何更改。"},
		{Name: "PRE_DEPLOY", Group: "deploy", field: aCommand(func(s *Settings) *[]string { return &d(s).PreHook }),
			Doc:   "A command to run before anything of a release is changed. When it fails, the deploy does. It gets DEPLOY_VERSION, DEPLOY_REVISION, DEPLOY_ID and DEPLOY_ENV, and no secret.",
			DocZh: "在发布改变任何内容之前运行的命令。命令失败则部署失败。它会得到 DEPLOY_VERSION、DEPLOY_REVISION、DEPLOY_ID 和 DEPLOY_ENV，不含任何密钥。"},
		{Name: "POST_DEPLOY", Group: "deploy", field: aCommand(func(s *Settings) *[]string { return &d(s).PostHook }),
			Doc:   "A command to run when a deploy has ended. It gets DEPLOY_OUTCOME, too. Its failure is told and changes nothing.",
			DocZh: "部署结束后运行的命令，另外得到 DEPLOY_OUTCOME。其失败只会提示，不影响结果。"},
		{Name: "DEPLOY_WEBHOOK", Group: "deploy", Secret: true, field: aSecret(func(s *Settings) *Secret { return &d(s).Webhook }),
			Doc:   "URL that gets a JSON message when a deploy starts, succeeds, fails or goes back; its \"text\" is what Slack and others show. A URL often holds a token, so it is a secret.",
			DocZh: "部署开始、成功、失败或回退时接收 JSON 消息的 URL；其中的 \"text\" 字段可供 Slack 等显示。URL 常含令牌，因此按密钥处理。"},
		{Name: "BUILD_HOST", Group: "deploy", field: aText("unix://, tcp:// or ssh://; empty builds where it runs", "unix://、tcp:// 或 ssh://；空值表示在运行处构建", func(s *Settings) *string { return &d(s).BuildHost }),
			Doc:   "Engine that builds the images when DOCKER_HOST is another machine: what is missing there is sent, without a registry. For this machine's: unix:///var/run/docker.sock.",
			DocZh: "当 DOCKER_HOST 指向另一台机器时用于构建镜像的引擎：缺少的部分会直接传送过去，无需镜像仓库。本机引擎为 unix:///var/run/docker.sock。"},
		{Name: "DEPLOY_BY", Group: "deploy", field: aText("a name; empty takes the user of this machine", "名称；空值取本机用户", func(s *Settings) *string { return &d(s).By }),
			Doc:   "Who deploys, for the history and the lock. CI gives the person who started it.",
			DocZh: "部署者，记入历史和锁。CI 可填写触发者。"},
	}
}

// aPathList is paths of requests.
func aPathList(at func(*Settings) *[]string) field {
	k := Kind{Name: "url-paths", En: "a list of URL paths", Zh: "URL 路径列表", How: "each starts with /; separated by commas; empty for none", HowZh: "每个以 / 开头，用逗号分隔；空值表示没有", Empty: true}
	one := matching(`/[A-Za-z0-9._~!&()*+;=:@%/?-]*`)
	return bind(k, func(v string) ([]string, error) {
		list := parts(v)
		for _, p := range list {
			if _, err := one(p); err != nil {
				return nil, err
			}
		}
		return list, nil
	}, at)
}
