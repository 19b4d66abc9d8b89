//go:build integration && long

package dockertest

import (
	"context"
	"strings"
	"testing"
	"time"

	"drydock/internal/testkit"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
		args := append([]string{"run", "--rm"}, testkit.LabelOptions(t)...)
		return docker(t, append(append(args, imageRef(t, name)), command...)...)
	}
	for _, command := range []string{"psql --version", "postgres --version", "pg_dump --version", "pgbackrest version"} {
		assert.Regexp(t, ` (17\.\d+|2\.\d+)`, run("postgres", strings.Fields(command)...), command)
	}
	// The dump's tools are as new as the server, or it would refuse them.
	assert.Contains(t, run("backup", "versions"), run("postgres", "pg_dump", "--version"))
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

func TestPostgresIsReadyOnlyWhenItIsTenTimes(t *testing.T) { readyOnlyWhenItIs(t, 10) }

func TestPostgresKilledAtEachMomentOfItsFirstStart(t *testing.T) {
	killedInItsFirstStart(t, "making a cluster", "starting PostgreSQL", "running /docker-entrypoint-initdb.d/1-first.sql",
		"running /docker-entrypoint-initdb.d/3-last.sql", "received fast shutdown request")
}
