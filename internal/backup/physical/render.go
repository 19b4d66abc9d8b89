package physical

import (
	"fmt"
	"strconv"
	"strings"

	"drydock/internal/env"
)

// Files of /run/secrets that the settings come to.
const (
	LocalFile = "pgbackrest.conf"
	S3File    = "pgbackrest-s3.conf"
	CAFile    = "s3-ca.pem"
)

// Where the containers find things.
const (
	SecretsDir = "/run/secrets"
	RepoDir    = "/var/lib/pgbackrest"      // the local repository
	SocketDir  = "/run/db-shared"           // the database's second socket, and archive-dropped
	DataDir    = "/var/lib/postgresql/data" // the database's files
	RestoreDir = "/restore"                 // where Fetch puts them in a container of its own
	stanza     = "main"
)

// Options are what a configuration file says.
type Options struct {
	User  string // a superuser of the database
	Level int    // zstd's
	Jobs  int
	Key   env.Secret // "" does not encrypt
	S3    env.S3     // the zero value is the local repository
}

// Files are the configuration files for the settings, by name: what the database needs, and
// what the backup service needs; none where physical backups are off. ca is the content of
// BACKUP_S3_CA.
func Files(s *env.Settings, ca string) (db, backup map[string]string) {
	p := s.Backup.Physical
	if !s.Physical() {
		return nil, nil
	}
	o := Options{User: s.Database.User, Level: s.Backup.Level, Jobs: s.Backup.Jobs}
	if p.EncryptsLocal() {
		o.Key = p.Key
	}
	// What the database does not need to know does not restart it when it changes.
	db = map[string]string{LocalFile: Render(Options{User: o.User, Level: 3, Jobs: 1, Key: o.Key})}
	backup = map[string]string{LocalFile: Render(o)}
	if p.S3.Endpoint != "" {
		o.S3, o.Key = p.S3, ""
		if p.EncryptsS3() {
			o.Key = p.Key
		}
		backup[S3File] = Render(o)
		if ca != "" {
			backup[CAFile] = ca
		}
	}
	return db, backup
}

// Render writes a configuration file (pgbackrest.org/configuration.html). It holds secrets.
func Render(o Options) string {
	var b strings.Builder
	set := func(key, value string) { fmt.Fprintf(&b, "%s=%s\n", key, value) }
	b.WriteString("# Made by Drydock from its settings.\n[global]\n")
	set("repo1-path", RepoDir)
	if o.S3.Endpoint != "" {
		b.Reset()
		b.WriteString("# Made by Drydock from its settings.\n[global]\n")
		set("repo1-type", "s3")
		set("repo1-path", o.S3.Path)
		set("repo1-s3-endpoint", o.S3.Endpoint)
		set("repo1-s3-bucket", o.S3.Bucket)
		set("repo1-s3-region", o.S3.Region)
		set("repo1-s3-uri-style", o.S3.Style)
		set("repo1-s3-key", o.S3.AccessKey.Reveal())
		set("repo1-s3-key-secret", o.S3.SecretKey.Reveal())
		if o.S3.CA != "" {
			set("repo1-storage-ca-file", SecretsDir+"/"+CAFile)
		}
	}
	if o.Key != "" {
		set("repo1-cipher-type", "aes-256-cbc")
		set("repo1-cipher-pass", o.Key.Reveal())
	}
	set("repo1-bundle", "y") // small files together: fewer objects, fewer syncs
	// Of a changed file, the blocks that differ. It needs the bundles.
	set("repo1-block", "y")
	// Never by itself: package retain knows what was proven, pgBackRest does not.
	set("repo1-retention-full", "9999999")
	set("expire-auto", "n")
	set("compress-type", "zst")
	set("compress-level", strconv.Itoa(max(o.Level, 1)))
	set("process-max", strconv.Itoa(max(o.Jobs, 1)))
	set("start-fast", "y")
	set("resume", "n") // whole or absent
	set("archive-async", "n")
	set("archive-timeout", "60")
	set("lock-path", "/tmp/pgbackrest")
	set("spool-path", "/tmp/pgbackrest-spool")
	set("log-level-file", "off")
	set("log-level-console", "off")
	set("log-level-stderr", "warn")
	fmt.Fprintf(&b, "\n[%s]\n", stanza)
	set("pg1-path", DataDir)
	set("pg1-socket-path", SocketDir)
	set("pg1-user", o.User)
	return b.String()
}
