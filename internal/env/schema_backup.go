package env

import (
	"slices"
	"time"
)

// Backup is when backups are made and how long they stay.
type Backup struct {
	Dump, Verify                                 string // BACKUP_DUMP, BACKUP_VERIFY: cron lines, or never
	Zone                                         string // BACKUP_ZONE
	Jobs, Level                                  int    // BACKUP_JOBS, BACKUP_LEVEL
	Last, Hourly, Daily, Weekly, Monthly, Yearly int    // BACKUP_KEEP_...
	MaxSize                                      string // BACKUP_MAX_SIZE; "" is no bound
	Memory                                       string // BACKUP_MEMORY
	Webhook                                      Secret // BACKUP_WEBHOOK
	Physical                                     Physical
	Clock                                        string        // BACKUP_CLOCK: one of the Clock constants
	Heartbeat                                    time.Duration // BACKUP_HEARTBEAT; 0 is none
	Drill                                        Drill
	Config                                       ConfigBackup
	RPO                                          RPO
}

func backupKeys() []Key {
	b := func(s *Settings) *Backup { return &s.Backup }
	keep := func(name, def, doc, docZh string, at func(*Settings) *int) Key {
		return Key{Name: "BACKUP_KEEP_" + name, Group: "backup", Default: def, Active: true, field: anInt(0, 10000, at), Doc: doc, DocZh: docZh}
	}
	return append([]Key{
		{Name: "BACKUP_DUMP", Group: "backup", Default: "30 2 * * *", Active: true, field: aCron(func(s *Settings) *string { return &b(s).Dump }),
			Doc:   "When the database is dumped: minute, hour, day, month, weekday, in BACKUP_ZONE. A run that was missed is made up for once.",
			DocZh: "备份数据库的时间：分、时、日、月、星期，按 BACKUP_ZONE。错过的备份会补做一次。"},
		{Name: "BACKUP_VERIFY", Group: "backup", Default: "0 4 * * 0", Active: true, field: aCron(func(s *Settings) *string { return &b(s).Verify }),
			Doc:   "When every backup is read again and compared with its manifest.",
			DocZh: "重新读取所有备份并与其清单比较的时间。"},
		{Name: "BACKUP_CLOCK", Group: "backup", Default: ClockService, Active: true, field: anEnum(func(s *Settings) *string { return &b(s).Clock }, ClockService, ClockHost),
			Doc:   "Who starts what is due: the backup service, or timers of the host (systemd, cron). With host the service starts nothing of it, and tells BACKUP_WEBHOOK when something is overdue.",
			DocZh: "由谁启动到期的备份和校验：备份服务，或主机的定时器（systemd、cron）。设为 host 时服务自身不启动，只在逾期时通知 BACKUP_WEBHOOK。"},
		{Name: "BACKUP_ZONE", Group: "backup", Default: "UTC", Active: true, field: aZone(func(s *Settings) *string { return &b(s).Zone }),
			Doc:   "Time zone of the two, and of the hours, days and weeks that are kept.",
			DocZh: "上述时间以及保留策略中小时、天、周所用的时区。"},
		{Name: "BACKUP_JOBS", Group: "backup", Default: "2", Active: true, field: anInt(1, 64, func(s *Settings) *int { return &b(s).Jobs }),
			Doc:   "How many tables are dumped or restored at a time.",
			DocZh: "同时备份或恢复的表的数量。"},
		{Name: "BACKUP_LEVEL", Group: "backup", Default: "3", Active: true, field: anInt(1, 19, func(s *Settings) *int { return &b(s).Level }),
			Doc:   "How hard zstd compresses: 1 is fast, 19 is small.",
			DocZh: "zstd 的压缩级别：1 最快，19 最小。"},
		keep("LAST", "7", "How many of the newest backups stay, whatever their age.", "无论时间远近都保留的最新备份数量。", func(s *Settings) *int { return &b(s).Last }),
		keep("HOURLY", "0", "For how many hours with a backup the newest of the hour stays.", "保留多少个小时中每小时最新的备份。", func(s *Settings) *int { return &b(s).Hourly }),
		keep("DAILY", "14", "For how many days with a backup the newest of the day stays.", "保留多少天中每天最新的备份。", func(s *Settings) *int { return &b(s).Daily }),
		keep("WEEKLY", "8", "For how many weeks with a backup the newest of the week stays.", "保留多少周中每周最新的备份。", func(s *Settings) *int { return &b(s).Weekly }),
		keep("MONTHLY", "12", "For how many months with a backup the newest of the month stays.", "保留多少个月中每月最新的备份。", func(s *Settings) *int { return &b(s).Monthly }),
		keep("YEARLY", "3", "For how many years with a backup the newest of the year stays.", "保留多少年中每年最新的备份。", func(s *Settings) *int { return &b(s).Yearly }),
		{Name: "BACKUP_MAX_SIZE", Group: "backup", field: optional(aMemory(func(s *Settings) *string { return &b(s).MaxSize })),
			Doc:   "Size that all dumps of the database together should not exceed; the same bound holds, by itself, for the configuration backups. Older ones go first, and never the newest good or the newest proven one. Physical backups do not count: BACKUP_CHAINS bounds them. Empty is no bound.",
			DocZh: "数据库所有转储的总大小上限；配置备份单独适用同样的上限。先删除较旧的备份，但绝不删除最新的可用备份或最新的经过验证的备份。物理备份不计入，由 BACKUP_CHAINS 限制。空值表示不限。"},
		{Name: "BACKUP_MEMORY", Group: "backup", Default: "512m", Active: true, field: aMemory(func(s *Settings) *string { return &b(s).Memory }),
			Doc: "Memory limit of the backup service's container.", DocZh: "备份服务容器的内存上限。"},
		{Name: "BACKUP_WEBHOOK", Group: "backup", Secret: true, field: aSecret(func(s *Settings) *Secret { return &b(s).Webhook }),
			Doc:   "URL that gets a JSON message when a backup fails or is overdue, a disk fills up, or a service is not healthy, and when that is over. `alarm:test` tries it. A URL often holds a token, so it is a secret.",
			DocZh: "备份失败或逾期、磁盘将满、服务不健康以及恢复正常时接收 JSON 消息的 URL。用 `alarm:test` 测试。URL 常含令牌，因此按密钥处理。"},
	}, slices.Concat(physicalKeys(), rpoKeys(), evidenceKeys())...)
}
