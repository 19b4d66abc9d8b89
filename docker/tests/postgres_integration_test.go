//go:build integration

package dockertest

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// awkward names, which must be quoted everywhere.
const (
	dbUser = `app-User`
	dbName = `my "db" é`
)

// server is one PostgreSQL; a test may replace its container, and keeps the volumes.
type server struct {
	t                   testing.TB
	c                   string
	data, secrets, init string // volumes
	options             []string
}

func newServer(t testing.TB, options ...string) *server {
	t.Helper()
	return &server{t: t, data: volume(t), secrets: secret(t, "db_password", hardPassword), init: volume(t), options: options}
}

func (s *server) runOptions() []string {
	return append([]string{
		"--tmpfs", "/run/postgresql:uid=999,gid=999,mode=0755,size=1m", "--publish", "127.0.0.1::5432",
		"--volume", s.data + ":/var/lib/postgresql/data", "--volume", s.secrets + ":/run/secrets:ro",
		"--volume", s.init + ":/docker-entrypoint-initdb.d:ro",
		"--env", "POSTGRES_USER=" + dbUser, "--env", "POSTGRES_DB=" + dbName,
		"--env", "POSTGRES_PASSWORD_FILE=/run/secrets/db_password",
	}, s.options...)
}

func (s *server) start(args ...string) *server {
	s.t.Helper()
	s.c = start(s.t, imageRef(s.t, "postgres"), s.runOptions(), args)
	return s
}

func (s *server) refused(args ...string) string {
	s.t.Helper()
	return refused(s.t, imageRef(s.t, "postgres"), s.runOptions(), args)
}

// url is a connection string with the password percent-encoded.
func (s *server) url(password string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(dbUser, password),
		Host: docker(s.t, "port", s.c, "5432/tcp"), Path: "/" + dbName, RawQuery: "sslmode=disable&connect_timeout=5"}
	return u.String()
}

func (s *server) connect() *pgx.Conn {
	s.t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.url(hardPassword))
	require.NoError(s.t, err)
	s.t.Cleanup(func() { conn.Close(ctx) })
	return conn
}

func query[T any](t testing.TB, conn *pgx.Conn, sql string) T {
	t.Helper()
	var v T
	require.NoError(t, conn.QueryRow(context.Background(), sql).Scan(&v), sql)
	return v
}

// slowInit makes the time of the first start long enough to meet a client in it.
var slowInit = []file{
	{name: "1-first.sql", content: "CREATE TABLE marks (mark text); INSERT INTO marks VALUES ('begun');", mode: 0o444},
	{name: "2-slow.sql", content: "SELECT pg_sleep(0.7);", mode: 0o444},
	{name: "3-last.sql", content: "INSERT INTO marks VALUES ('complete');", mode: 0o444},
}

// Health said ready during the first initialisation, and dependents were refused a
// moment later (docker-library/postgres 146).
func TestPostgresIsReadyOnlyWhenItIs(t *testing.T) {
	t.Parallel()
	secrets, scripts := secret(t, "db_password", hardPassword), volume(t)
	write(t, scripts, slowInit...)
	for i := range 20 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			s := (&server{t: t, data: volume(t), secrets: secrets, init: scripts,
				options: []string{"--health-interval", "300ms"}}).start() // one in the wrong moment would be noticed
			// Whoever gets in over TCP, at whatever moment, must find everything.
			dsn := s.url(hardPassword)
			deadline := time.Now().Add(60 * time.Second)
			var marks string
			for marks == "" {
				require.True(t, time.Now().Before(deadline), "nobody got in")
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				if conn, err := pgx.Connect(ctx, dsn); err == nil {
					require.NoError(t, conn.QueryRow(ctx, "SELECT string_agg(mark, ' ' ORDER BY mark) FROM marks").Scan(&marks))
					require.NoError(t, conn.Close(ctx))
				}
				cancel()
				if health(t, s.c) == "healthy" {
					require.Contains(t, logs(t, s.c), "the first start is complete")
				}
			}
			assert.Equal(t, "begun complete", marks)
			healthy(t, s.c)
			// Ready once is ready for good: no restart follows.
			conn := s.connect()
			assert.Equal(t, 1, query[int](t, conn, "SELECT 1"))
		})
	}
}

func TestPostgresKilledInItsFirstStart(t *testing.T) {
	t.Parallel()
	for _, moment := range []string{
		"making a cluster",
		"starting PostgreSQL",
		"running /docker-entrypoint-initdb.d/1-first.sql",
		"running /docker-entrypoint-initdb.d/2-slow.sql",
		"running /docker-entrypoint-initdb.d/3-last.sql",
		"received fast shutdown request",
		"database system is shut down",
	} {
		t.Run(moment, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			write(t, s.init, slowInit...)
			s.start()
			waitLog(t, s.c, moment)
			docker(t, "kill", s.c)
			log := logs(t, s.c)
			docker(t, "rm", "--force", s.c)

			s.start()
			healthy(t, s.c)
			assert.Equal(t, "begun complete", query[string](t, s.connect(), "SELECT string_agg(mark, ' ' ORDER BY mark) FROM marks"))
			again := strings.Contains(logs(t, s.c), "beginning again")
			if strings.Contains(log, "the first start is complete") {
				assert.False(t, again)
			} else if !strings.Contains(log, "database system is shut down") { // then either may be
				assert.True(t, again)
			}
			assert.NotContains(t, docker(t, "exec", s.c, "ls", "-A", "/var/lib/postgresql/data"), "unfinished")
		})
	}
	t.Run("told to stop", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		write(t, s.init, file{name: "1.sql", content: "SELECT pg_sleep(3600)", mode: 0o444})
		s.start()
		waitLog(t, s.c, "running /docker-entrypoint-initdb.d/1.sql")
		began := time.Now()
		docker(t, "stop", "--time", "30", s.c)
		assert.Less(t, time.Since(began), 10*time.Second)
		assert.Contains(t, logs(t, s.c), "stopped during the first start")
	})
}

// A failing script of the first start must not leave half a database that the next
// start takes for a good one.
func TestPostgresFailedScriptBeginsAgain(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	write(t, s.init,
		file{name: "1.sql", content: "CREATE TABLE half (x int)", mode: 0o444},
		file{name: "2.sql", content: "SELECT no_such_function()", mode: 0o444})
	said := s.refused()
	assert.Contains(t, said, "no_such_function")
	assert.Contains(t, said, "the first start failed")
	write(t, s.init, file{name: "2.sql", content: "SELECT 1", mode: 0o444})
	s.start()
	healthy(t, s.c)
	assert.Equal(t, 0, query[int](t, s.connect(), "SELECT count(*) FROM half"))
}

func TestPostgresRunsInitFilesLikeTheOfficialImage(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	psql := `psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" `
	write(t, s.init,
		file{name: "1-sourced.sh", content: "[[ -n $POSTGRES_PASSWORD ]] && sourced=yes\n" + psql + `-c "CREATE TABLE a (x text)"`, mode: 0o444},
		file{name: "2-run.sh", content: "#!/bin/sh\nset -e\n[ \"$POSTGRES_PASSWORD\" = \"$(cat /run/secrets/db_password)\" ]\n" + psql + `<<'END'
			INSERT INTO a VALUES ('run');
END
`, mode: 0o555},
		file{name: "3.sh", content: `echo "INSERT INTO a VALUES ('$sourced')" | docker_process_sql; echo "# edited" >>"$PGDATA/pg_hba.conf"`, mode: 0o444},
		file{name: "4.txt", content: "ignored", mode: 0o444})
	s.start()
	healthy(t, s.c)
	assert.Equal(t, "run yes", query[string](t, s.connect(), "SELECT string_agg(x, ' ' ORDER BY x) FROM a"))
	assert.Contains(t, docker(t, "exec", s.c, "tail", "-n", "1", "/var/lib/postgresql/data/pg_hba.conf"), "# edited")
	assert.Contains(t, logs(t, s.c), "ignoring /docker-entrypoint-initdb.d/4.txt")
	assert.Empty(t, leaks(t, s.c, hardPassword))
}

func TestPostgresKeepsItsPasswordToItself(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	healthy(t, s.c)
	conn := s.connect() // with the hard password, in a URL
	assert.Equal(t, dbUser, query[string](t, conn, "SELECT current_user"))
	assert.Equal(t, dbName, query[string](t, conn, "SELECT current_database()"))
	assert.True(t, strings.HasPrefix(query[string](t, conn, "SELECT rolpassword FROM pg_authid WHERE rolname = current_user"), "SCRAM-SHA-256$"))
	docker(t, "exec", s.c, "set-password")
	assert.Empty(t, leaks(t, s.c, hardPassword))
	_, err := tryDocker("", "exec", s.c, "grep", "--recursive", "--quiet", "--fixed-strings", "--", hardPassword, "/var/lib/postgresql/data")
	assert.Error(t, err, "the password is in the data directory")

	// No way in without it, from inside the container neither; its own user needs none at the socket.
	_, err = tryDocker("", "exec", s.c, "psql", "--no-password", "--host", "127.0.0.1", "--username", dbUser, "--dbname", dbName)
	assert.ErrorContains(t, err, "no password supplied")
	assert.Equal(t, "1", docker(t, "exec", s.c, "psql", "-AtU", dbUser, "-d", dbName, "-c", "SELECT 1"))
}

// A new POSTGRES_PASSWORD was ignored by an existing volume, with a puzzling
// failure (fastapi/full-stack-fastapi-template 344).
func TestPostgresSaysThatThePasswordChanged(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	healthy(t, s.c)
	write(t, s.secrets, file{name: "db_password", content: "a new one"})
	waitHealth(t, s.c, "unhealthy")
	said := lastHealthOutput(t, s.c)
	assert.Contains(t, said, "its password for "+dbUser+" is not the one in /run/secrets/db_password")
	assert.Contains(t, said, "set-password")

	docker(t, "exec", s.c, "set-password")
	healthy(t, s.c)
	ctx := context.Background()
	_, err := pgx.Connect(ctx, s.url(hardPassword))
	assert.ErrorContains(t, err, "password authentication failed")
	conn, err := pgx.Connect(ctx, s.url("a new one"))
	require.NoError(t, err)
	require.NoError(t, conn.Close(ctx))
	assert.Empty(t, leaks(t, s.c, "a new one"))
}

// docker/compose 12362, 13287: secrets that keep the host's owner and mode.
func TestPostgresRefusesClearly(t *testing.T) {
	t.Parallel()
	const data = "/var/lib/postgresql/data"
	with := func(f ...file) *server {
		s := newServer(t)
		s.secrets = volume(t)
		write(t, s.secrets, f...)
		return s
	}
	assert.Contains(t, with(file{name: "db_password", content: "x", root: true}).refused(),
		"/run/secrets/db_password (owner uid 0, mode 400) cannot be read by uid 999")
	assert.Contains(t, with(file{name: "db_password"}).refused(), "no password for the first start")
	assert.Contains(t, with().refused(), "/run/secrets/db_password, which does not exist")
	assert.Contains(t, with(file{name: "db_password", content: "two\nlines"}).refused(), "more than one line")

	both := newServer(t, "--env", "POSTGRES_PASSWORD=x")
	assert.Contains(t, both.refused(), "both POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE are set")
	assert.Contains(t, newServer(t, "--user", "0:0").refused(), "does not run as root")

	// The data directory.
	dir := func(f file, prepare string) string {
		s := newServer(t)
		// Never empty: the engine gives an empty volume the owner that the image's folder has.
		write(t, s.data, f)
		docker(t, append(append([]string{"run", "--rm", "--user", "0:0", "--volume", s.data + ":" + data}, labels(t)...),
			imageRef(t, "postgres"), "sh", "-c", prepare)...)
		return s.refused()
	}
	assert.Contains(t, dir(file{name: "PG_VERSION", content: "16\n"}, "chown 999:999 "+data), "holds data of PostgreSQL 16, and this is PostgreSQL 17")
	assert.Contains(t, dir(file{name: "PG_VERSION", content: "17\n"}, "chown 999:999 "+data), "no global/pg_control")
	assert.Contains(t, dir(file{name: "photo.jpg", content: "x"}, "chown 999:999 "+data), "holds no PostgreSQL data (found: photo.jpg)")
	assert.Contains(t, dir(file{name: "PG_VERSION", content: "17\n"}, "chown 70:70 "+data), "belongs to uid 70, and this server runs as uid 999")

	out, err := tryDocker("", append(append([]string{"run", "--rm", "--read-only", "--tmpfs", "/tmp"}, labels(t)...), imageRef(t, "postgres"))...)
	require.Error(t, err, out)
	assert.ErrorContains(t, err, "/run/postgresql (owner uid 999, mode 2755) cannot be written by uid 999; mount a tmpfs there")
}

func TestPostgresSettings(t *testing.T) {
	t.Parallel()
	s := newServer(t, "--memory", "640m").start("-c", "max_connections=33")
	healthy(t, s.c)
	conn := s.connect()
	for name, want := range map[string]string{
		"shared_buffers": "160MB", "effective_cache_size": "384MB", "max_connections": "33",
		"data_checksums": "on", "wal_level": "replica", "archive_mode": "on", "archive_command": "true", "jit": "off",
		"password_encryption": "scram-sha-256", "TimeZone": "UTC", "log_timezone": "UTC", "server_encoding": "UTF8", "fsync": "on",
	} {
		assert.Equal(t, want, query[string](t, conn, "SHOW "+name), name)
	}
	// The order of text is part of the major version, and no library's.
	assert.Equal(t, "b C.UTF-8", query[string](t, conn,
		"SELECT datlocprovider::text || ' ' || datlocale FROM pg_database WHERE datname = current_database()"))
	assert.Equal(t, "Aa Bb aa Ää", query[string](t, conn,
		`SELECT string_agg(x, ' ' ORDER BY x) FROM unnest(ARRAY['Ää', 'aa', 'Bb', 'Aa']) x`))
	assert.Equal(t, "aa Aa Ää Bb", query[string](t, conn,
		`SELECT string_agg(x, ' ' ORDER BY x COLLATE "en-x-icu") FROM unnest(ARRAY['Ää', 'aa', 'Bb', 'Aa']) x`))
	assert.Equal(t, "ÄÉ", query[string](t, conn, "SELECT upper('äé')"))

	// ALTER SYSTEM is above our defaults, and a reload is enough to switch archiving on.
	_, err := conn.Exec(context.Background(), "ALTER SYSTEM SET archive_command = 'test -f %p'")
	require.NoError(t, err)
	_, err = conn.Exec(context.Background(), "SELECT pg_reload_conf()")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return query[string](t, conn, "SHOW archive_command") == "test -f %p" }, 5*time.Second, 50*time.Millisecond)

	// Docker's 64 MB of /dev/shm do not bound parallel queries.
	_, err = conn.Exec(context.Background(), `
		SET max_parallel_workers_per_gather = 2; SET min_parallel_table_scan_size = 0; SET parallel_setup_cost = 0;
		SET parallel_tuple_cost = 0; SET work_mem = '128MB'; SET hash_mem_multiplier = 2; SET enable_mergejoin = off; SET enable_nestloop = off;
		CREATE TABLE big AS SELECT g AS id, md5(g::text) || md5(g::text) AS text FROM generate_series(1, 700000) g; ANALYZE big`)
	require.NoError(t, err)
	plan, err := conn.Query(context.Background(), "EXPLAIN (ANALYZE, TIMING off) SELECT count(*) FROM big a JOIN big b USING (text)")
	require.NoError(t, err)
	lines, err := pgx.CollectRows(plan, pgx.RowTo[string])
	require.NoError(t, err)
	assert.Regexp(t, `Parallel Hash`, strings.Join(lines, "\n"))
	assert.Regexp(t, `Memory Usage: ([7-9]\d|\d{3})\d{3}kB`, strings.Join(lines, "\n"), "more than 64 MB of shared memory, or this proves nothing")
}

func TestPostgresStopsCleanly(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	healthy(t, s.c)
	s.connect() // stays open
	began := time.Now()
	docker(t, "stop", "--time", "30", s.c)
	assert.Less(t, time.Since(began), 10*time.Second, "an idle client must not be waited for")
	assert.Equal(t, "0", docker(t, "inspect", "--format", "{{.State.ExitCode}}", s.c))
	assert.Contains(t, logs(t, s.c), "database system is shut down")
	docker(t, "start", s.c)
	healthy(t, s.c)
	assert.NotContains(t, logs(t, s.c), "not properly shut down")

	// The crash, for comparison, is recovered from.
	docker(t, "kill", s.c)
	docker(t, "start", s.c)
	healthy(t, s.c)
	assert.Contains(t, logs(t, s.c), "not properly shut down")
}

func TestPostgresRunsOtherCommands(t *testing.T) {
	t.Parallel()
	run := func(name string, command ...string) string {
		args := append([]string{"run", "--rm"}, labels(t)...)
		return docker(t, append(append(args, imageRef(t, name)), command...)...)
	}
	for _, command := range []string{"psql --version", "postgres --version", "pg_dump --version", "pgbackrest version"} {
		assert.Regexp(t, ` (17\.\d+|2\.\d+)`, run("postgres", strings.Fields(command)...), command)
	}
	// The dump's tools are as new as the server, or it would refuse them.
	assert.Contains(t, run("backup"), run("postgres", "pg_dump", "--version"))
}
