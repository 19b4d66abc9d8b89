package env

import "time"

// RPO is how much a loss of the database's volume may cost.
type RPO struct {
	Goal      string        // RPO: archive or zero
	Away      string        // RPO_AWAY: wait or degrade
	AwayAfter time.Duration // RPO_AWAY_AFTER
	Keep      string        // RPO_KEEP: size of the log that is kept for a receiver
}

// The choices of RPO and RPO_AWAY.
const (
	RPOArchive = "archive"
	RPOZero    = "zero"
	AwayWait   = "wait"
	AwayDegr   = "degrade"
)

// NoLoss says whether commits wait until the backup service has them.
func (s *Settings) NoLoss() bool { return s.Backup.RPO.Goal == RPOZero }

func rpoKeys() []Key {
	r := func(s *Settings) *RPO { return &s.Backup.RPO }
	return []Key{
		{Name: "RPO", Group: "backup", Default: RPOArchive, Active: true, field: anEnum(func(s *Settings) *string { return &r(s).Goal }, RPOArchive, RPOZero),
			Doc:   "What the loss of the database's volume may cost: archive, at most BACKUP_ARCHIVE_TIMEOUT seconds; zero, nothing that was acknowledged: a commit waits until the backup service has it on its own volume. On one host that survives the loss of the volume, not of the host. Needs BACKUP_PHYSICAL.",
			DocZh: "数据库卷丢失时允许的损失：archive 最多损失 BACKUP_ARCHIVE_TIMEOUT 秒；zero 不损失任何已确认的提交：提交会等到备份服务把它写入自己的卷。单机上它能应对卷的丢失，但不能应对整台主机的丢失。需要 BACKUP_PHYSICAL。"},
		{Name: "RPO_AWAY", Group: "backup", Default: AwayWait, Active: true, field: anEnum(func(s *Settings) *string { return &r(s).Away }, AwayWait, AwayDegr),
			Doc:   "With RPO=zero, while the backup service is away: commits wait, which keeps the promise and stops the site; or they degrade, i.e. go on without it after RPO_AWAY_AFTER, with an alarm, until it is back.",
			DocZh: "RPO=zero 时，备份服务不在期间：wait 让提交等待，信守承诺但网站停止写入；degrade 在 RPO_AWAY_AFTER 之后不再等待并告警，直到备份服务恢复。"},
		{Name: "RPO_AWAY_AFTER", Group: "backup", Default: "10s", Active: true, field: aDuration(2*time.Second, time.Hour, func(s *Settings) *time.Duration { return &r(s).AwayAfter }),
			Doc:   "After how long without progress the backup service counts as away, and the webhook is told.",
			DocZh: "备份服务多久没有进展算作不在，并通过 webhook 告警。"},
		{Name: "RPO_KEEP", Group: "backup", Default: "4g", Active: true, field: aMemory(func(s *Settings) *string { return &r(s).Keep }),
			Doc:   "How much of the log the database keeps for a backup service that is away. Beyond it the service begins anew when it is back, with a new full backup.",
			DocZh: "备份服务不在时，数据库为它保留多少日志。超出后，服务恢复时会重新开始，并制作新的全量备份。"},
	}
}

// checkRPO wants what RPO=zero stands on.
func (r *resolver) checkRPO() {
	if s := r.settings; s.NoLoss() && !s.Physical() {
		found, fix := "BACKUP_PHYSICAL is false, and what is streamed continues a physical backup", "set BACKUP_PHYSICAL=true, or RPO=archive"
		if s.Database.Image != "" {
			found, fix = "POSTGRES_IMAGE is an image of your own, of which there are no physical backups", "use Drydock's PostgreSQL image, or set RPO=archive"
		}
		r.complain(r.at("RPO"), "RPO", found, fix)
	}
}
