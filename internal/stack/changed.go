package stack

import (
	"maps"
	"slices"

	"drydock/internal/backup/away"
	"drydock/internal/backup/physical"
)

// settingOf is the setting that a file of /run/secrets comes from, where it is one.
var settingOf = map[string]string{"db_password": "DB_PASSWORD", "redis_password": "REDIS_PASSWORD", "webhook": "BACKUP_WEBHOOK", "webhook_proxy": "WEBHOOK_PROXY", physical.CAFile: "BACKUP_S3_CA"}

// changedSettings names the settings by which two contents of /run/secrets differ, sorted.
// It shows no value.
func changedSettings(had, now map[string]string) []string {
	all := maps.Clone(now)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, had)
	seen := map[string]bool{}
	for file := range all {
		a, before := had[file]
		b, after := now[file]
		switch {
		case before == after && a == b:
		case settingOf[file] != "":
			seen[settingOf[file]] = true
		case file == away.File:
			for _, key := range away.Changed(a, b) {
				seen[key] = true
			}
		case file == physical.LocalFile || file == physical.S3File:
			for _, key := range physical.Changed(file, a, b) {
				seen[key] = true
			}
		default:
			seen[file] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}
