package physical

import (
	"maps"
	"slices"
	"strings"
)

// settings are those that the lines of a configuration file come from.
var settings = map[string]string{
	"repo1-cipher-pass": "BACKUP_KEY", "repo1-cipher-type": "BACKUP_ENCRYPT",
	"repo1-s3-endpoint": "BACKUP_S3_ENDPOINT", "repo1-s3-bucket": "BACKUP_S3_BUCKET", "repo1-s3-region": "BACKUP_S3_REGION",
	"repo1-s3-uri-style": "BACKUP_S3_STYLE", "repo1-s3-key": "BACKUP_S3_ACCESS_KEY", "repo1-s3-key-secret": "BACKUP_S3_SECRET_KEY",
	"repo1-storage-ca-file": "BACKUP_S3_CA", "repo1-path": "BACKUP_S3_PATH",
	"compress-level": "BACKUP_LEVEL", "process-max": "BACKUP_JOBS", "pg1-user": "DB_USER",
}

// Changed names the settings by which two texts of a configuration file (LocalFile or S3File)
// differ, sorted. An empty text is a file that is not there. It shows no value.
func Changed(file, old, now string) []string {
	switch {
	case old == now:
		return nil
	case old != "" && now != "":
	case file == S3File:
		return []string{"BACKUP_S3_ENDPOINT"}
	default:
		return []string{"BACKUP_PHYSICAL"}
	}
	a, b := options(old), options(now)
	all := maps.Clone(a)
	maps.Copy(all, b)
	seen := map[string]bool{}
	for option := range all {
		if a[option] == b[option] {
			continue
		}
		if name := settings[option]; name != "" {
			seen[name] = true
		} else {
			seen[option+" of "+file] = true
		}
	}
	if seen["BACKUP_ENCRYPT"] {
		delete(seen, "BACKUP_KEY") // comes or goes with it
	}
	return slices.Sorted(maps.Keys(seen))
}

func options(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			out[key] = value
		}
	}
	return out
}
