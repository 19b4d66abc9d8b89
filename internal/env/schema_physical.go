package env

// Physical is about copies of the database's files, and the archive of its log.
type Physical struct {
	On                              bool   // BACKUP_PHYSICAL
	Full, Differential, Incremental string // BACKUP_FULL, ...: cron lines, or never
	Chains                          int    // BACKUP_CHAINS: full ones that stay, with what hangs on them
	ArchiveTimeout                  int    // BACKUP_ARCHIVE_TIMEOUT: seconds
	ArchiveAlarm                    int    // BACKUP_ARCHIVE_ALARM: seconds
	ArchiveKeep                     string // BACKUP_ARCHIVE_KEEP: size of the log that may wait
	Encrypt                         string // BACKUP_ENCRYPT: off, s3 or all
	Key                             Secret // BACKUP_KEY
	S3                              S3
}

// S3 is the second repository, on S3-compatible storage.
type S3 struct {
	Endpoint  string // BACKUP_S3_ENDPOINT: host[:port]; "" is none
	Bucket    string // BACKUP_S3_BUCKET
	Region    string // BACKUP_S3_REGION
	Path      string // BACKUP_S3_PATH
	Style     string // BACKUP_S3_STYLE: path or host
	CA        string // BACKUP_S3_CA: absolute path of PEM certificates
	AccessKey Secret // BACKUP_S3_ACCESS_KEY
	SecretKey Secret // BACKUP_S3_SECRET_KEY
}

// The choices of BACKUP_ENCRYPT.
const (
	EncryptOff = "off"
	EncryptS3  = "s3"
	EncryptAll = "all"
)

// Physical says whether there are physical backups: they need our image of PostgreSQL.
func (s *Settings) Physical() bool { return s.Backup.Physical.On && s.Database.Image == "" }

// EncryptsLocal says whether the repository beside the database is encrypted.
func (p Physical) EncryptsLocal() bool { return p.On && p.Encrypt == EncryptAll }

// EncryptsS3 says whether what goes to S3 is encrypted: the second repository, and copies of the
// other backups, which there are without physical ones, too.
func (p Physical) EncryptsS3() bool {
	return p.S3.Endpoint != "" && p.Encrypt != EncryptOff
}

func physicalKeys() []Key {
	p := func(s *Settings) *Physical { return &s.Backup.Physical }
	s3 := func(s *Settings) *S3 { return &s.Backup.Physical.S3 }
	return []Key{
		{Name: "BACKUP_PHYSICAL", Group: "backup", Default: "true", Active: true, field: aBool(func(s *Settings) *bool { return &p(s).On }),
			Doc:   "Physical backups and a continuous archive of the database's log, from which any point in time can be restored. Needs our PostgreSQL image; with POSTGRES_IMAGE they are off.",
			DocZh: "物理备份以及数据库日志的持续归档，可恢复到任意时间点。需要我们的 PostgreSQL 镜像；设置了 POSTGRES_IMAGE 时自动关闭。"},
		{Name: "BACKUP_FULL", Group: "backup", Default: "0 1 * * 0", Active: true, field: aCron(func(s *Settings) *string { return &p(s).Full }),
			Doc:   "When a full physical backup is made. The first one is made as soon as the service runs.",
			DocZh: "制作全量物理备份的时间。服务启动后会立即制作第一个。"},
		{Name: "BACKUP_DIFFERENTIAL", Group: "backup", Default: "never", Active: true, field: aCron(func(s *Settings) *string { return &p(s).Differential }),
			Doc:   "When a differential one is made: what has changed since the last full one.",
			DocZh: "制作差异备份的时间：自上一个全量备份以来的变化。"},
		{Name: "BACKUP_INCREMENTAL", Group: "backup", Default: "0 1 * * 1-6", Active: true, field: aCron(func(s *Settings) *string { return &p(s).Incremental }),
			Doc:   "When an incremental one is made: what has changed since the last one of any kind.",
			DocZh: "制作增量备份的时间：自上一个任意备份以来的变化。"},
		{Name: "BACKUP_CHAINS", Group: "backup", Default: "2", Active: true, field: anInt(1, 10000, func(s *Settings) *int { return &p(s).Chains }),
			Doc:   "How many full physical backups stay in each repository, with everything that hangs on them and the log since the oldest. The newest good and the newest proven one always stay.",
			DocZh: "每个仓库保留多少个全量物理备份，连同依赖它们的备份以及最旧一个以来的日志。最新的可用备份和最新的经过验证的备份始终保留。"},
		{Name: "BACKUP_ARCHIVE_TIMEOUT", Group: "backup", Default: "60", Active: true, field: anInt(1, 3600, func(s *Settings) *int { return &p(s).ArchiveTimeout }),
			Doc:   "How many seconds the archive may be behind at most while everything works.",
			DocZh: "一切正常时归档最多可落后的秒数。"},
		{Name: "BACKUP_ARCHIVE_ALARM", Group: "backup", Default: "300", Active: true, field: anInt(5, 86400, func(s *Settings) *int { return &p(s).ArchiveAlarm }),
			Doc:   "After how many seconds of waiting log the webhook is told that the archive is late.",
			DocZh: "日志等待归档多少秒后通过 webhook 报告归档延迟。"},
		{Name: "BACKUP_ARCHIVE_KEEP", Group: "backup", Default: "4g", Active: true, field: aMemory(func(s *Settings) *string { return &p(s).ArchiveKeep }),
			Doc:   "How much of the log may wait for an archive that fails. Beyond it the oldest is let go, so that the site goes on; no later time can be restored to until the next backup, which is made by itself when archiving works again.",
			DocZh: "归档失败时最多允许多少日志等待。超出后放弃最旧的日志，以便网站继续运行；在下一个备份之前无法恢复到更晚的时间，归档恢复正常后会自动制作新备份。"},
		{Name: "BACKUP_ENCRYPT", Group: "backup", Default: EncryptS3, Active: true, field: anEnum(func(s *Settings) *string { return &p(s).Encrypt }, EncryptOff, EncryptS3, EncryptAll),
			Doc:   "What is encrypted with BACKUP_KEY: nothing, what goes to S3 (the physical repository with AES-256, copies of dumps and configurations with age), or the physical repository beside the database, too. It cannot be changed for a repository that exists.",
			DocZh: "哪些内容用 BACKUP_KEY 加密：都不加密、只加密送往 S3 的内容（物理备份仓库用 AES-256，转储和配置备份的副本用 age），或连同数据库旁边的物理备份仓库一起加密。已存在的仓库无法更改。"},
		{Name: "BACKUP_KEY", Group: "backup", Secret: true, Make: true, Optional: true, field: aSecret(func(s *Settings) *Secret { return &p(s).Key }),
			Doc:   "Key of the encrypted repositories. Keep a copy away from this machine: without it those backups are lost.",
			DocZh: "加密仓库的密钥。请在本机之外保存一份副本：没有它，这些备份就无法使用。"},
		{Name: "BACKUP_S3_ENDPOINT", Group: "backup", field: aText("host or host:port, reached by HTTPS; empty is none", "主机或 主机:端口，通过 HTTPS 访问；空值表示没有", func(s *Settings) *string { return &s3(s).Endpoint }),
			Doc:   "S3-compatible storage that gets a second physical repository (backups and log), and a copy of each dump and configuration backup.",
			DocZh: "S3 兼容存储：存放第二个物理备份仓库（备份和日志），以及每个转储和配置备份的副本。"},
		{Name: "BACKUP_S3_BUCKET", Group: "backup", field: aText("a name", "名称", func(s *Settings) *string { return &s3(s).Bucket }),
			Doc: "The bucket; it has to exist.", DocZh: "存储桶，必须已存在。"},
		{Name: "BACKUP_S3_REGION", Group: "backup", Default: "us-east-1", Active: true, field: aText("a name", "名称", func(s *Settings) *string { return &s3(s).Region }),
			Doc: "The bucket's region; many servers take any.", DocZh: "存储桶所在区域；许多服务器接受任意值。"},
		{Name: "BACKUP_S3_PATH", Group: "backup", Default: "/drydock", Active: true, field: aURLPath(func(s *Settings) *string { return &s3(s).Path }),
			Doc:   "Folder in the bucket. Two environments must not share one.",
			DocZh: "存储桶中的目录。两个环境不能共用同一个。"},
		{Name: "BACKUP_S3_STYLE", Group: "backup", Default: "path", Active: true, field: anEnum(func(s *Settings) *string { return &s3(s).Style }, "path", "host"),
			Doc:   "Where the bucket's name stands in an address: in the path, or in the host name (AWS).",
			DocZh: "存储桶名称在地址中的位置：路径中，或主机名中（AWS）。"},
		{Name: "BACKUP_S3_CA", Group: "backup", field: aFile(func(s *Settings) *string { return &s3(s).CA }),
			Doc:   "PEM file with the authority of the storage's certificate, if it is one of your own.",
			DocZh: "存储服务证书的签发机构（PEM 文件），仅在使用自己的机构时需要。"},
		{Name: "BACKUP_S3_ACCESS_KEY", Group: "backup", Secret: true, field: aSecret(func(s *Settings) *Secret { return &s3(s).AccessKey }),
			Doc: "Access key of the storage.", DocZh: "存储服务的访问密钥 ID。"},
		{Name: "BACKUP_S3_SECRET_KEY", Group: "backup", Secret: true, field: aSecret(func(s *Settings) *Secret { return &s3(s).SecretKey }),
			Doc: "Secret key of the storage.", DocZh: "存储服务的访问密钥。"},
	}
}

// checkPhysical wants what encryption and the second repository need.
func (r *resolver) checkPhysical() {
	p := r.settings.Backup.Physical
	if !p.On && p.S3.Endpoint == "" {
		return
	}
	if (p.EncryptsLocal() || p.EncryptsS3()) && p.Key == "" && r.settings.Mode == Prod && !r.src.Secretless {
		r.complain(r.at("BACKUP_ENCRYPT"), "BACKUP_KEY", "the secret is missing, and a repository is encrypted",
			"make one with `ENV="+r.env+" go tool mage env:secrets` and keep a copy elsewhere, or set BACKUP_ENCRYPT to off")
	}
	if p.S3.Endpoint == "" {
		return
	}
	if p.S3.Bucket == "" && !r.bad["BACKUP_S3_BUCKET"] {
		r.complain(r.at("BACKUP_S3_ENDPOINT"), "BACKUP_S3_BUCKET", "it is not set, and BACKUP_S3_ENDPOINT is", "set it to the name of the bucket")
	}
	if r.src.Secretless {
		return
	}
	for key, secret := range map[string]Secret{"BACKUP_S3_ACCESS_KEY": p.S3.AccessKey, "BACKUP_S3_SECRET_KEY": p.S3.SecretKey} {
		if secret == "" && !r.bad[key] {
			r.complain(r.at("BACKUP_S3_ENDPOINT"), key, "the secret is missing, and BACKUP_S3_ENDPOINT is set", "put it into "+secretFile(r.env, key)+", or the path of its file into "+key+"_FILE")
		}
	}
}
