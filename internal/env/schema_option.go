package env

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

func optionKeys() []Key {
	option := func(name, doc, docZh, def string, f field) Key {
		return Key{Name: name, Group: "option", Option: true, Default: def, Doc: doc, DocZh: docZh, field: f}
	}
	keys := []Key{
		option("FORMAT", "Form of the result: a table for people, or JSON for machines.", "结果的格式：供人阅读的表格，或供机器读取的 JSON。", "text",
			anEnum(func(s *Settings) *string { return &s.Options.Format }, "text", "json")),
		option("YES", "Answers yes to every question, for scripts.", "对所有提问回答“是”，供脚本使用。", "", optional(aBool(func(s *Settings) *bool { return &s.Options.Yes }))),
		option("VOLUMES", "`down` removes the data, too. It asks first.", "`down` 同时删除数据。执行前会询问。", "", optional(aBool(func(s *Settings) *bool { return &s.Options.Volumes }))),
		option("DRY_RUN", "Says what would be done, and does nothing.", "只说明将要做什么，不做任何改动。", "", optional(aBool(func(s *Settings) *bool { return &s.Options.DryRun }))),
		option("SERVICE", "The services that are meant.", "所针对的服务。", "", aList(func(s *Settings) *[]string { return &s.Options.Service })),
		option("FOLLOW", "`logs` goes on with what comes.", "`logs` 持续输出新日志。", "", optional(aBool(func(s *Settings) *bool { return &s.Options.Follow }))),
		option("SINCE", "`logs` starts there.", "`logs` 的起始时间。", "", optional(aSince(func(s *Settings) *string { return &s.Options.Since }))),
		option("TAIL", "How many lines of each service `logs` starts with; of those that MATCH and STATUS let pass. 0 with FOLLOW: only what comes.", "`logs` 为每个服务输出的起始行数，按 MATCH 和 STATUS 筛选之后计算。0 与 FOLLOW 一起使用时只输出新日志。", "all", aTail(func(s *Settings) *int { return &s.Options.Tail })),
		option("MATCH", "`logs` shows only lines that match this regular expression, for example a request id.", "`logs` 只显示匹配此正则表达式的行，例如某个请求 ID。", "", aPattern(func(s *Settings) **regexp.Regexp { return &s.Options.Match })),
		option("STATUS", "`logs` shows only the gateway's requests that were answered with this status: 404, 5xx or 500-504.", "`logs` 只显示网关以此状态码应答的请求：404、5xx 或 500-504。", "", aStatusRange(func(s *Settings) *StatusRange { return &s.Options.Status })),
		option("BACKUP", "The backup that is meant, by its id or number; without it the newest good one. For `backup:remove` also gone: all that their repository does not have any more.", "所针对的备份，用 ID 或编号表示；未设置时为最新的可用备份。对 `backup:remove` 还可以是 gone：其仓库中已不存在的全部备份。", "", aText("an id or a number", "ID 或编号", func(s *Settings) *string { return &s.Options.Backup })),
		option("AT", "The point in time that `backup:restore` restores to, with its offset from UTC: 2026-01-31 12:00:00+08.", "`backup:restore` 恢复到的时间点，带 UTC 偏移：2026-01-31 12:00:00+08。", "", aText("a time with an offset", "带偏移的时间", func(s *Settings) *string { return &s.Options.At })),
		option("REPOSITORY", "Which physical repository is meant: local, or s3. For `backup:configRestore` s3 is where it fetches the archive, without any backup service.", "所针对的物理备份仓库：local 或 s3。对 `backup:configRestore`，s3 表示从那里取回归档，无需备份服务。", "", aText("local or s3", "local 或 s3", func(s *Settings) *string { return &s.Options.Repository })),
		option("DATABASE", "Where `backup:restore` restores to; without it a new database beside the live one.", "`backup:restore` 恢复到的数据库；未设置时恢复到线上数据库旁边的新数据库。", "", aText("a name", "名称", func(s *Settings) *string { return &s.Options.Database })),
		option("REPLACE", "`backup:restore` takes the place of DATABASE; what was there is kept under another name.", "`backup:restore` 取代 DATABASE；原有数据库以另一个名称保留。", "", optional(aBool(func(s *Settings) *bool { return &s.Options.Replace }))),
		option("TABLES", "`backup:restore` restores these tables alone.", "`backup:restore` 只恢复这些表。", "", aList(func(s *Settings) *[]string { return &s.Options.Tables })),
		option("INTO", "Folder that `backup:configRestore` makes; it must not be there yet.", "`backup:configRestore` 建立的目录；必须尚不存在。", "", aText("a path", "路径", func(s *Settings) *string { return &s.Options.Into })),
		option("ARCHIVE", "File of a configuration backup: `backup:config` writes a copy there, `backup:configRestore` reads it, without any backup service.", "配置备份的文件：`backup:config` 在此写一份副本，`backup:configRestore` 从中读取，无需备份服务。", "", aText("a path", "路径", func(s *Settings) *string { return &s.Options.Archive })),
		option("AGE_KEY_FILE", "File with the secret key of age that opens a configuration backup's secrets.", "用于解开配置备份中密钥的 age 私钥文件。", "", aText("a path", "路径", func(s *Settings) *string { return &s.Options.AgeKey })),
		option("SIGNER", "Public key (ed25519:...) that a configuration backup has to be signed with; without it any is taken, and shown.", "配置备份必须使用的签名公钥（ed25519:...）；未设置时接受任意签名并显示。", "", aText("ed25519: and 44 characters", "ed25519: 加 44 个字符", func(s *Settings) *string { return &s.Options.Signer })),
		option("CONF", "`nginx:lint` and `nginx:routes` look at this nginx folder or file, instead of the gateway's own.", "`nginx:lint` 和 `nginx:routes` 检查此 nginx 目录或文件，代替网关自己的配置。", "", aText("a path", "路径", func(s *Settings) *string { return &s.Options.Conf })),
		option("ROUTE", "`nginx:routes` explains this request: /api/x?y=1, or a whole address.", "`nginx:routes` 解释此请求：/api/x?y=1，或完整地址。", "", aText("a path or an address", "路径或地址", func(s *Settings) *string { return &s.Options.Route })),
		option("IMAGES", "The images that are meant.", "所针对的镜像。", "", aList(func(s *Settings) *[]string { return &s.Options.Images })),
		option("TO", "Engine that image:ship sends to, as in DOCKER_HOST: ssh://user@host. For deploy:rollback: the version or release to go back to.", "image:ship 的目标引擎，写法同 DOCKER_HOST：ssh://user@host。对 deploy:rollback 则是要回退到的版本或发布。", "",
			aText("unix://, tcp:// or ssh://", "unix://、tcp:// 或 ssh://", func(s *Settings) *string { return &s.Options.To })),
		option("ALARM_RUN", "Whoever started the target does not look at it: a timer, cron. BACKUP_WEBHOOK gets run.failed with this name when it fails, and run.recovered when it works again.", "目标由定时器或 cron 启动、无人值守时使用：失败时以此名称向 BACKUP_WEBHOOK 发送 run.failed，恢复后发送 run.recovered。", "",
			aText("a name, such as backup:dump", "名称，例如 backup:dump", func(s *Settings) *string { return &s.Options.Run })),
		option("DOCKER_HOST", "Engine to work on; without it the docker CLI's current context.", "要操作的引擎；未设置时使用 docker CLI 的当前上下文。", "",
			aText("unix://, tcp:// or ssh://", "unix://、tcp:// 或 ssh://", func(s *Settings) *string { return &s.Options.Host })),
		option("NO_COLOR", "Set to anything: no colour and no moving progress (no-color.org).", "设为任意值：不使用颜色和动态进度（no-color.org）。", "", plain()),
		option("CI", "Set by CI systems; the same as NO_COLOR.", "由 CI 系统设置；效果与 NO_COLOR 相同。", "", plain()),
	}
	for i, k := range keys {
		switch k.Name {
		case "DOCKER_HOST", "NO_COLOR", "CI":
			keys[i].Ambient = true
		}
	}
	return keys
}

// plain is set by any value but an explicit no: CI=false is how some systems say that.
func plain() field {
	k := Kind{Name: "flag", En: "a flag", Zh: "标志", How: "anything", HowZh: "任意值", Empty: true}
	return field{k, func(s *Settings, v string) error {
		if no, err := parseBool(v); v != "" && (err != nil || no) {
			s.Options.Plain = true
		}
		return nil
	}}
}

func aTail(at func(*Settings) *int) field {
	k := Kind{Name: "tail", En: "a number of lines", Zh: "行数", How: "a whole number, or all", HowZh: "整数，或 all", Empty: true}
	return bind(k, func(v string) (int, error) {
		if v == "all" {
			return -1, nil
		}
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			return 0, errForm
		}
		return n, nil
	}, at)
}

func aSince(at func(*Settings) *string) field {
	k := Kind{Name: "since", En: "a point in time", Zh: "时间点", How: "a duration back from now such as 10m, or a time such as 2026-01-02T15:04:05Z", HowZh: "从现在往回的时长（如 10m），或时间（如 2026-01-02T15:04:05Z）"}
	return bind(k, func(v string) (string, error) {
		if d, err := time.ParseDuration(v); err == nil && d >= 0 {
			return v, nil
		}
		if _, err := time.Parse(time.RFC3339, v); err != nil {
			return "", errForm
		}
		return v, nil
	}, at)
}

// aPattern is a regular expression as Go has them (RE2).
func aPattern(at func(*Settings) **regexp.Regexp) field {
	k := Kind{Name: "pattern", En: "a regular expression", Zh: "正则表达式", How: "RE2 syntax; empty for all", HowZh: "RE2 语法；空值表示全部", Empty: true}
	return bind(k, func(v string) (*regexp.Regexp, error) {
		re, err := regexp.Compile(v)
		if err != nil {
			return nil, errForm
		}
		return re, nil
	}, at)
}

// StatusRange is statuses of HTTP from Low to High. The zero value is none.
type StatusRange struct{ Low, High int }

// Has says whether a status is inside.
func (r StatusRange) Has(status int) bool { return r.Low <= status && status <= r.High }

// Any says whether a range was given.
func (r StatusRange) Any() bool { return r.High > 0 }

func aStatusRange(at func(*Settings) *StatusRange) field {
	k := Kind{Name: "statuses", En: "a status or a range of them", Zh: "状态码或其范围", How: "404, 5xx or 500-504; empty for all", HowZh: "404、5xx 或 500-504；空值表示全部", Empty: true}
	number := func(v string) (int, error) {
		n, err := strconv.Atoi(v)
		if err != nil || n < 100 || n > 599 {
			return 0, errForm
		}
		return n, nil
	}
	return bind(k, func(v string) (StatusRange, error) {
		if class, ok := strings.CutSuffix(strings.ToLower(v), "xx"); ok && len(class) == 1 {
			v = class + "00-" + class + "99"
		}
		from, to, ok := strings.Cut(v, "-")
		if !ok {
			to = from
		}
		low, err := number(from)
		if err != nil {
			return StatusRange{}, err
		}
		high, err := number(to)
		if err != nil || high < low {
			return StatusRange{}, errForm
		}
		return StatusRange{low, high}, nil
	}, at)
}
