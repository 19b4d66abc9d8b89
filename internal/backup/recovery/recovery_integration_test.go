//go:build integration

package recovery

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/backup/physical"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/image"
	"drydock/internal/run"
	"drydock/internal/testkit"
)

var (
	dbImage     = flag.String("db-image", "", "an image to use instead of building this checkout's")
	backupImage = flag.String("backup-image", "", "the same for the backup service")
)

const password = `pass__$85858#'x %:@\"end`

// lab is a database that archives, and the backup service beside it.
type lab struct {
	t            *testing.T
	e            *engine.Client
	source       Source
	data, shared string // volumes
	network      string
	db, backup   string // containers
}

// newLab starts one; more are further secrets of the backup service.
func newLab(t *testing.T, key env.Secret, more ...func(*lab) []engine.File) *lab {
	t.Helper()
	l := &lab{t: t, e: testkit.Engine(t), source: Source{DB: *dbImage, Backup: *backupImage, User: "app", Name: "postgres"}}
	if l.source.DB == "" || l.source.Backup == "" {
		settings, err := env.Load(env.Source{Root: testkit.Root(t), Env: "dev", Environ: os.Environ(), ReadOnly: true})
		require.NoError(t, err)
		list, err := image.Build(t.Context(), image.BuildOptions{Settings: settings, Engine: l.e, Err: os.Stderr, Names: []string{image.Postgres, image.Backup}, Stage: image.StageProd})
		require.NoError(t, err)
		for _, one := range list {
			*map[string]*string{image.Postgres: &l.source.DB, image.Backup: &l.source.Backup}[one.Name] = one.Ref
		}
	}
	for _, v := range []*string{&l.data, &l.shared, &l.source.Repo, &l.source.Records} {
		*v = testkit.Volume(t).Name
	}
	l.network = testkit.Network(t, true).Name
	var files []engine.File
	for _, f := range more {
		files = append(files, f(l)...)
	}
	l.source.Secrets = l.secrets(key, files...)
	l.db = l.startDB()
	l.backup = l.startBackup()
	return l
}

// startBackup starts the service's container, in which the tests say what happens when.
func (l *lab) startBackup() string {
	l.t.Helper()
	return l.startService([]string{"sleep", "infinity"})
}

func (l *lab) startService(cmd []string, environ ...string) string {
	l.t.Helper()
	return testkit.Start(l.t, engine.Spec{
		Name: "backup", Image: l.source.Backup, User: "999:999", ReadOnly: true, CapDrop: []string{"ALL"}, NoNewPrivileges: true,
		Tmpfs: map[string]string{"/tmp": "mode=1777,size=64m"}, Attach: []engine.Attach{{Network: l.network}},
		Mounts: []engine.Mount{
			{Name: l.source.Records, Target: "/var/lib/backup"}, {Name: l.data, Target: physical.DataDir, ReadOnly: true},
			{Name: l.shared, Target: physical.SocketDir}, {Name: l.source.Repo, Target: physical.RepoDir}, {Name: l.source.Secrets, Target: physical.SecretsDir, ReadOnly: true},
		},
		Env: append(environ, "DB_PASSWORD_FILE="+physical.SecretsDir+"/db_password", "DB_USER=app", "DB_NAME=postgres"), Cmd: cmd,
	})
}

func (l *lab) secrets(key env.Secret, more ...engine.File) string {
	l.t.Helper()
	v := testkit.Volume(l.t).Name
	conf := physical.Render(physical.Options{User: "app", Level: 1, Jobs: 1, Key: key})
	archive, err := engine.Tar(append([]engine.File{
		{Name: "./", Mode: 0o755},
		{Name: physical.LocalFile, Mode: 0o400, UID: 999, GID: 999, Data: []byte(conf)},
		{Name: "db_password", Mode: 0o400, UID: 999, GID: 999, Data: []byte(password)},
	}, more...)...)
	require.NoError(l.t, err)
	require.NoError(l.t, l.e.WriteVolume(l.t.Context(), l.source.DB, v, archive))
	return v
}

func (l *lab) startDB() string {
	l.t.Helper()
	return testkit.Container(l.t, engine.Spec{
		Name: "db", Image: l.source.DB, User: "999:999", ReadOnly: true, CapDrop: []string{"ALL"}, NoNewPrivileges: true, Init: true,
		Tmpfs:  map[string]string{"/tmp": "mode=1777", "/run/postgresql": "uid=999,gid=999,mode=0755"},
		Attach: []engine.Attach{{Network: l.network, Aliases: []string{"db"}}},
		Mounts: []engine.Mount{{Name: l.data, Target: physical.DataDir}, {Name: l.shared, Target: physical.SocketDir}, {Name: l.source.Repo, Target: physical.RepoDir}, {Name: l.source.Secrets, Target: physical.SecretsDir, ReadOnly: true}},
		Env:    []string{"ARCHIVE=on", "ARCHIVE_KEEP=83886080", "POSTGRES_USER=app", "POSTGRES_DB=postgres", "POSTGRES_PASSWORD_FILE=" + physical.SecretsDir + "/db_password"},
		Cmd:    []string{"postgres", "-c", "fsync=off"}, // the data lasts as long as the test
		Health: &engine.HealthCheck{Cmd: []string{"pg_isready", "-q", "-h", "127.0.0.1"}, Interval: time.Second, Timeout: time.Minute, StartPeriod: 2 * time.Minute, Retries: 100},
	}).ID
}

// call runs a verb of the service; said is what it wrote to standard error.
func (l *lab) call(words ...string) (out, said string, err error) {
	var o, e bytes.Buffer
	err = l.e.Exec(l.t.Context(), l.backup, engine.Command{Cmd: append([]string{"backup"}, words...), Streams: engine.Streams{Out: &o, Err: &e}})
	return strings.TrimSpace(o.String()), e.String(), err
}

func (l *lab) must(words ...string) string {
	l.t.Helper()
	out, said, err := l.call(words...)
	require.NoError(l.t, err, said)
	return out
}

func (l *lab) sql(container, query string) string {
	l.t.Helper()
	out, err := l.e.ExecOutput(l.t.Context(), container, "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "app", "-d", "postgres", "-c", query)
	require.NoError(l.t, err)
	return strings.TrimSpace(out)
}

// archived waits until the archive has every piece of the log that ended.
func (l *lab) archived(bound time.Duration) {
	l.t.Helper()
	require.Eventually(l.t, func() bool {
		return l.sql(l.db, "SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'") == "0"
	}, bound, 200*time.Millisecond, "the archive never got it")
}

// copy restores beside the live database.
func (l *lab) copy(s Spec) (Copied, error) {
	l.t.Helper()
	s.Source, s.Labels, s.Name = l.source, testkit.Labels(l.t), testkit.Name(l.t, "copy")
	l.t.Cleanup(func() { _ = Remove(l.t.Context(), l.e, s.Name) }) // labelled: what fails is swept
	return Copy(l.t.Context(), l.e, s, func(text string) { l.t.Log(text) })
}

// The whole way, in an encrypted repository: full, incremental and differential backups
// each restore to the state at their end, a time between two writes gives exactly the first.
func TestPhysicalBackupsRestore(t *testing.T) {
	l := newLab(t, "a-key-for-tests-only")
	l.sql(l.db, "CREATE TABLE t (n int)")
	full := l.must("full")
	l.sql(l.db, "INSERT INTO t VALUES (1)")
	between := l.sql(l.db, "SELECT clock_timestamp()")
	l.sql(l.db, "SELECT pg_sleep(0.1); INSERT INTO t VALUES (2)")
	incremental := l.must("incremental")
	l.sql(l.db, "INSERT INTO t VALUES (3)")
	differential := l.must("differential")
	l.sql(l.db, "INSERT INTO t VALUES (4)")
	l.sql(l.db, "SELECT pg_switch_wal()") // not in one call, which is one transaction: its commit would come after
	l.archived(time.Minute)

	rows := "SELECT coalesce(string_agg(n::text, ',' ORDER BY n), '') FROM t"
	for _, want := range []struct {
		name string
		spec Spec
		rows string
	}{
		{"a point in time", Spec{At: between}, "1"}, {"full", Spec{ID: full}, ""}, {"incremental", Spec{ID: incremental}, "1,2"},
		{"differential", Spec{ID: differential}, "1,2,3"}, {"latest", Spec{}, "1,2,3,4"},
	} {
		c, err := l.copy(want.spec)
		require.NoError(t, err, want.name)
		assert.Equal(t, want.rows, l.sql(c.Container, rows), want.name)
		assert.Equal(t, "t", l.sql(c.Container, "CREATE TABLE w AS SELECT 1; SELECT not pg_is_in_recovery()"), "it can be written to")
		assert.Equal(t, "off", l.sql(c.Container, "SHOW archive_mode"), "pgbackrest 1616: its log must not reach the live repository")
	}

	// Outside of the range: the range is told.
	_, err := l.copy(Spec{At: "2001-01-01 00:00:00+08"})
	require.ErrorContains(t, err, "outside of what can be restored to: from ")
	assert.Equal(t, run.CodeBadInput, run.Code(err))
	_, err = l.copy(Spec{At: "2001-01-01 00:00:00"})
	require.ErrorContains(t, err, "offset")

	// The list shows chains, and what each can be restored to.
	var list struct {
		Backups []struct{ ID, Kind, Level, Parent, Repository string }
		Windows map[string]physical.Window
	}
	require.NoError(t, json.Unmarshal([]byte(l.must("list", "--json")), &list))
	require.Len(t, list.Backups, 3)
	assert.Equal(t, full, list.Backups[1].Parent)
	assert.Equal(t, []string{"full", "incremental", "differential"}, []string{list.Backups[0].Level, list.Backups[1].Level, list.Backups[2].Level})
	assert.True(t, list.Windows[full].Whole)
	assert.NotContains(t, l.must("list"), "page checksums")

	// Another key is refused, with what to do.
	right := l.source.Secrets
	l.source.Secrets = l.secrets("another-key")
	_, err = l.copy(Spec{ID: full})
	require.ErrorContains(t, err, "BACKUP_KEY")
	l.source.Secrets = right

	// A flipped byte is found; what hangs on it is not restored.
	_, err = l.e.ExecOutput(t.Context(), l.backup, "sh", "-c", `f=$(ls -S `+physical.RepoDir+`/backup/main/*F/bundle/* | head -n 1); printf XXXX | dd of="$f" bs=1 seek=200000 conv=notrunc`)
	require.NoError(t, err)
	_, said, err := l.call("verify")
	require.Error(t, err)
	assert.Contains(t, said, full)
	assert.Contains(t, said, "backup:remove")
	assert.Contains(t, l.must("list"), "DAMAGED")
	_, err = l.copy(Spec{})
	require.ErrorContains(t, err, "no good physical backup")
	// The next one does not build on it.
	l.must("incremental")
	require.NoError(t, json.Unmarshal([]byte(l.must("list", "--json")), &list))
	assert.Equal(t, "full", list.Backups[3].Level)

	// A database whose damaged pages nobody would notice.
	require.NoError(t, l.e.Stop(t.Context(), l.db, time.Minute))
	require.NoError(t, l.e.RunOnce(t.Context(), engine.Spec{
		Image: l.source.DB, User: "999:999", Labels: testkit.Labels(t), Mounts: []engine.Mount{{Name: l.data, Target: physical.DataDir}},
		Entrypoint: []string{"sh", "-c"}, Cmd: []string{"exec $(ls /usr/lib/postgresql/*/bin/pg_checksums) --disable --pgdata=" + physical.DataDir},
	}, engine.Streams{Out: os.Stderr, Err: os.Stderr}))
	require.NoError(t, l.e.Start(t.Context(), l.db))
	_, err = l.e.WaitHealthy(t.Context(), l.db)
	require.NoError(t, err)
	assert.Contains(t, l.must("list"), "WARNING: the database has no page checksums")
	var bare struct {
		Pages struct{ On *bool } `json:"page_checksums"`
	}
	require.NoError(t, json.Unmarshal([]byte(l.must("list", "--json")), &bare))
	require.NotNil(t, bare.Pages.On)
	assert.False(t, *bare.Pages.On)
}
