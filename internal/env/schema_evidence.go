package env

import (
	"strings"
	"time"
)

// Drill is what a restore drill asks of what it restored.
type Drill struct {
	Read        string        // DRILL_READ: path of the backend; "" is not asked
	Write       string        // DRILL_WRITE: path and body; "" is not tried
	MaxRecovery time.Duration // DRILL_MAX_RECOVERY; 0 is no bound
	MaxLoss     time.Duration // DRILL_MAX_LOSS; 0 is no bound
}

// ConfigBackup is what an archive of the configuration holds, and who can open it.
type ConfigBackup struct {
	Recipients []string // BACKUP_AGE_RECIPIENTS: public keys of age
	Images     bool     // BACKUP_CONFIG_IMAGES
}

// evidenceKeys are the settings of drills, of the heartbeat and of configuration backups.
func evidenceKeys() []Key {
	d := func(s *Settings) *Drill { return &s.Backup.Drill }
	c := func(s *Settings) *ConfigBackup { return &s.Backup.Config }
	return []Key{
		{Name: "BACKUP_HEARTBEAT", Group: "backup", Default: "5s", Active: true, field: aDuration(0, time.Hour, func(s *Settings) *time.Duration { return &s.Backup.Heartbeat }),
			Doc:   "How often the backup service writes the time into the database (schema drydock, one row), from which a drill tells how much a recovery would lose. 0s does not.",
			DocZh: "备份服务把时间写入数据库（模式 drydock，仅一行）的间隔，恢复演练据此得知会丢失多少数据。0s 表示不写。"},
		{Name: "DRILL_READ", Group: "backup", Default: "/api/notes", Active: true, field: aText("a path", "路径", func(s *Settings) *string { return &d(s).Read }),
			Doc:   "Path that a restore drill asks of the backend on the restored data; it has to answer 2xx. Empty does not ask.",
			DocZh: "恢复演练向运行在已恢复数据上的后端请求的路径，须以 2xx 应答。空值表示不请求。"},
		{Name: "DRILL_WRITE", Group: "backup", Default: `/api/notes {"title":"restore drill"}`, Active: true, field: aText("a path, a space, and a body of JSON", "路径、空格和 JSON 正文", func(s *Settings) *string { return &d(s).Write }),
			Doc:   "Path and JSON that a restore drill posts to the backend on the restored data; it has to answer 2xx. Empty does not post.",
			DocZh: "恢复演练向运行在已恢复数据上的后端 POST 的路径和 JSON，须以 2xx 应答。空值表示不执行。"},
		{Name: "DRILL_MAX_RECOVERY", Group: "backup", Default: "0s", field: aDuration(0, 7*24*time.Hour, func(s *Settings) *time.Duration { return &d(s).MaxRecovery }),
			Doc:   "How long a recovery may take in a drill; a longer one fails. 0s is no bound.",
			DocZh: "演练中恢复允许的最长时间；超过则演练失败。0s 表示不限。"},
		{Name: "DRILL_MAX_LOSS", Group: "backup", Default: "0s", field: aDuration(0, 90*24*time.Hour, func(s *Settings) *time.Duration { return &d(s).MaxLoss }),
			Doc:   "How much a recovery may lose, in time, with the newest backup; a drill that finds more fails. Where there are physical backups, they are held to it and dumps are not. 0s is no bound.",
			DocZh: "用最新备份恢复时允许丢失的数据时长；演练发现超过则失败。有物理备份时只约束物理备份，不约束转储。0s 表示不限。"},
		{Name: "BACKUP_AGE_RECIPIENTS", Group: "backup", field: aList(func(s *Settings) *[]string { return &c(s).Recipients }),
			Doc:   "Public keys of age (age1...), who can open the secrets of `backup:config`. Keep the secret key on another machine: without it they are lost.",
			DocZh: "age 公钥（age1...），可解开 `backup:config` 中的密钥。私钥须保存在另一台机器上：没有它，这些密钥就无法找回。"},
		{Name: "BACKUP_CONFIG_IMAGES", Group: "backup", Default: "false", Active: true, field: aBool(func(s *Settings) *bool { return &c(s).Images }),
			Doc:   "Puts the images that run into `backup:config`, so that nothing has to be built to come back. Some hundred megabytes.",
			DocZh: "把正在运行的镜像放入 `backup:config`，恢复时无需构建。约数百兆字节。"},
	}
}

// SecretValues returns every secret that is set, by key: for a backup that encrypts them.
func (s *Settings) SecretValues() map[string]Secret {
	all := map[string]Secret{}
	if s.values == nil {
		return all
	}
	for key, v := range s.values.byKey {
		if v.Secret && v.raw != nil {
			all[key] = Secret(*v.raw)
		}
	}
	return all
}

// LocalEnviron returns what this machine adds to the committed settings, as KEY=value,
// sorted: what came from the process environment or from files that git ignores. Those
// that hold the password of a URL come apart.
func (s *Settings) LocalEnviron() (plain, withPassword []string) {
	if s.values == nil {
		return nil, nil
	}
	for _, key := range sortedKeys(s.values.byKey) {
		v := s.values.byKey[key]
		local := v.Origin == FromProcess || strings.HasPrefix(v.Origin, ".env")
		if k, ours := byName()[key]; v.Secret || v.Option || !local || ours && k.Ambient {
			continue
		}
		if shown, _ := s.Lookup(key); shown.Value != v.Value {
			withPassword = append(withPassword, key+"="+v.Value)
		} else {
			plain = append(plain, key+"="+v.Value)
		}
	}
	return plain, withPassword
}

// SecretPath is the file in which a machine keeps a secret, relative to the root.
func SecretPath(env, key string) string { return secretFile(env, key) }
