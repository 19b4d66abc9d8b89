//go:build integration && long

package recovery

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/backup/away"
	"drydock/internal/backup/physical"
	"drydock/internal/backup/store"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/run"
	"drydock/internal/testkit"
)

func withS3(l *lab, s testkit.S3, key, secret env.Secret) []engine.File {
	conf := physical.Render(physical.Options{User: "app", Level: 1, Jobs: 2, Key: key, S3: env.S3{
		Endpoint: s.Endpoint, Bucket: s.Bucket, Region: "us-east-1", Style: "path", Path: "/site", CA: "x", AccessKey: env.Secret(s.AccessKey), SecretKey: secret,
	}})
	return []engine.File{
		{Name: physical.S3File, Mode: 0o400, UID: 999, GID: 999, Data: []byte(conf)},
		{Name: physical.CAFile, Mode: 0o444, UID: 999, GID: 999, Data: []byte(s.CA)},
	}
}

// The copy on S3 is enough when the machine is gone; when S3 is gone, the local one is.
func TestS3AloneIsEnough(t *testing.T) {
	const key = "a-key-for-tests-only"
	var s3 testkit.S3
	l := newLab(t, "", func(l *lab) []engine.File {
		s3 = testkit.StartS3(t, l.network)
		return withS3(l, s3, key, env.Secret(s3.SecretKey))
	})
	l.sql(l.db, "CREATE TABLE t (n int); INSERT INTO t VALUES (1)")
	l.must("full")
	l.sql(l.db, "INSERT INTO t VALUES (2)")
	l.sql(l.db, "SELECT pg_switch_wal()")
	l.must("incremental") // passes the log on, too
	var list struct {
		Backups []struct{ ID, Repository, Level string }
	}
	require.NoError(t, json.Unmarshal([]byte(l.must("list", "--json")), &list))
	var where []string
	for _, b := range list.Backups {
		where = append(where, b.Repository+" "+b.Level)
	}
	assert.Equal(t, []string{"local full", "s3 full", "local incremental", "s3 incremental"}, where)
	l.must("verify")

	// The storage is away: the local backup is made, the error names the other one.
	require.NoError(t, l.e.Kill(t.Context(), s3.Container, "KILL"))
	l.sql(l.db, "INSERT INTO t VALUES (3)")
	_, said, err := l.call("incremental")
	require.Error(t, err)
	assert.Contains(t, said, "s3")
	assert.NotContains(t, said, s3.SecretKey)
	c, err := l.copy(Spec{Repository: physical.Local})
	require.NoError(t, err)
	assert.Equal(t, "1,2,3", l.sql(c.Container, "SELECT string_agg(n::text, ',' ORDER BY n) FROM t"))
	// It is back: what it lacks comes after.
	require.NoError(t, l.e.Start(t.Context(), s3.Container))
	l.must("incremental")
	l.must("verify")

	// The machine is lost: no records, no local repository, secrets and storage alone. A new
	// service has begun records of its own.
	lost := *l
	lost.source.Repo, lost.source.Records, lost.source.Out = testkit.Volume(t).Name, testkit.Volume(t).Name, l.network
	require.NoError(t, l.e.RunOnce(t.Context(), engine.Spec{
		Image: l.source.Backup, User: "999:999", Labels: testkit.Labels(t), Attach: []engine.Attach{{Network: l.network}},
		Mounts: []engine.Mount{{Name: lost.source.Records, Target: "/var/lib/backup"}, {Name: lost.source.Repo, Target: physical.RepoDir},
			{Name: l.data, Target: physical.DataDir, ReadOnly: true}, {Name: l.source.Secrets, Target: physical.SecretsDir, ReadOnly: true}},
		Env: []string{"DB_PASSWORD_FILE=" + physical.SecretsDir + "/db_password", "DB_USER=app", "DB_NAME=postgres"},
		Cmd: []string{"backup", "list"},
	}, engine.Streams{Err: os.Stderr}))
	c, err = lost.copy(Spec{Repository: "s3"})
	require.NoError(t, err)
	assert.Equal(t, "1,2,3", l.sql(c.Container, "SELECT string_agg(n::text, ',' ORDER BY n) FROM t"))

	// What is wrong with the way there is said, and what to do.
	for want, files := range map[string][]engine.File{
		"BACKUP_KEY":           withS3(l, s3, "another", env.Secret(s3.SecretKey)),
		"BACKUP_S3_SECRET_KEY": withS3(l, s3, key, "wrong"),
	} {
		lost.source.Secrets = l.secrets("", files...)
		_, err = lost.copy(Spec{Repository: "s3"})
		require.ErrorContains(t, err, want)
		assert.NotEqual(t, 0, run.Code(err))
	}
}

// Dumps have a copy on S3: with the machine gone, secrets and storage bring the newest one back, and it
// is restored.
func TestADumpComesBackFromS3(t *testing.T) {
	var s3 testkit.S3
	l := newLab(t, "", func(l *lab) []engine.File {
		s3 = testkit.StartS3(t, l.network)
		settings := &env.Settings{}
		settings.Backup.Physical = env.Physical{Encrypt: env.EncryptS3, Key: "a-key-for-tests-only", S3: env.S3{
			Endpoint: s3.Endpoint, Bucket: s3.Bucket, Region: "us-east-1", Style: "path", Path: "/site", AccessKey: env.Secret(s3.AccessKey), SecretKey: env.Secret(s3.SecretKey),
		}}
		var files []engine.File
		for name, text := range away.Files(settings, s3.CA) {
			files = append(files, engine.File{Name: name, Mode: 0o400, UID: 999, GID: 999, Data: []byte(text)})
		}
		return files
	})
	l.sql(l.db, "CREATE TABLE t (n int); INSERT INTO t VALUES (1), (2)")
	id := l.must("dump")
	assert.Contains(t, l.must("list"), "not there yet: "+id)
	assert.Equal(t, id, l.must("send"))
	assert.Empty(t, l.must("send"), "it has its copy")
	assert.Contains(t, l.must("list"), "copies on S3: 1")
	l.must("verify")

	// The machine is lost. A new service has begun records of its own, and sends by itself.
	lost := *l
	lost.source.Records = testkit.Volume(t).Name
	require.NoError(t, l.e.Remove(t.Context(), l.backup))
	lost.backup = lost.startService([]string{"backup", "run"}, "BACKUP_HEARTBEAT=0s")
	assert.Contains(t, lost.must("list"), "BACKUP="+id+" backup:fetch brings it back")
	assert.Equal(t, id, lost.must("bring"))
	assert.Empty(t, lost.must("bring"), "all is here")
	_, said, err := lost.call("bring", "--id="+id)
	require.Error(t, err)
	assert.Contains(t, said, "it is here")
	lost.must("restore", "--id="+id, "--database=back")
	out, err := l.e.ExecOutput(t.Context(), l.db, "psql", "-XqAt", "-U", "app", "-d", "back", "-c", "SELECT sum(n) FROM t")
	require.NoError(t, err)
	assert.Equal(t, "3", strings.TrimSpace(out))
	second := lost.must("dump")
	require.Eventually(t, func() bool { return strings.Contains(lost.must("list"), "copies on S3: 2") }, time.Minute, time.Second, second)

	assert.Contains(t, lost.must("prune", "--dry-run"), "no copy on S3 goes")
	out, err = l.e.ExecOutput(t.Context(), lost.backup, "env", "BACKUP_KEEP_LAST=1", "BACKUP_KEEP_DAILY=0", "BACKUP_KEEP_WEEKLY=0", "BACKUP_KEEP_MONTHLY=0", "BACKUP_KEEP_YEARLY=0", "backup", "prune", "--dry-run")
	require.NoError(t, err)
	assert.Contains(t, out, "copies on S3 that go when the next are sent: "+id)
	assert.Contains(t, lost.must("list"), "copies on S3: 2", "it was only said")

	// Lost again, and this time the data came from elsewhere: the first dump of the third machine is newer than
	// all that were copied before, by its number, too. The fourth one gets that dump.
	anew := func() {
		lost.source.Records = testkit.Volume(t).Name
		require.NoError(t, l.e.Remove(t.Context(), lost.backup))
		lost.backup = lost.startService([]string{"backup", "run"}, "BACKUP_HEARTBEAT=0s")
	}
	anew()
	third := lost.must("dump")
	assert.Greater(t, store.Sequence(third), store.Sequence(second))
	require.Eventually(t, func() bool { return strings.Contains(lost.must("list"), "copies on S3: 3") }, time.Minute, time.Second, third)
	anew()
	assert.Equal(t, third, lost.must("bring"))
}
