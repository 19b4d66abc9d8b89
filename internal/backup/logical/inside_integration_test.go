//go:build integration

package logical

import (
	"context"
	_ "embed"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"drydock/internal/backup/manifest"
)

//go:embed testdata/hard.sql
var hardSQL string

// Names and a password that connection strings, shells, pgpass and SQL trip over: a % in the
// password gave 0-byte backups (kobo-install 102).
const (
	superuser    = `app User%`
	hardPassword = `pass__$85858#'x %:@\"é/ end`
	hardDB       = `we"ird %@:/ d'æta =b\ase`
	hardOwner    = `owner "x" %@:/ ü`
	hardReader   = `reader ü`
	hardSchema   = `sch ema."q" %@:/ ü`
	hardTable    = `ta"ble %@:/ ü`
)

func at(host, database string) Server {
	return Server{Host: host, User: superuser, Password: hardPassword, Database: database}
}

var (
	source = at("source", hardDB)
	target = at("target", "postgres")
)

func dial(t testing.TB, s Server) *pgx.Conn {
	t.Helper()
	var conn *pgx.Conn
	require.Eventually(t, func() bool {
		var err error
		conn, err = s.connect(t.Context())
		if err != nil && !strings.Contains(err.Error(), "connect") {
			t.Log(err)
		}
		return err == nil
	}, 60*time.Second, 200*time.Millisecond, "no session of %s", s)
	t.Cleanup(func() { closeConn(conn) })
	return conn
}

// exec runs statements, several in one text if need be.
func exec(t testing.TB, conn *pgx.Conn, sqls ...string) {
	t.Helper()
	for _, sql := range sqls {
		_, err := conn.PgConn().Exec(t.Context(), sql).ReadAll()
		require.NoError(t, err, sql)
	}
}

func ask[T any](t testing.TB, conn *pgx.Conn, sql string, args ...any) T {
	t.Helper()
	var v T
	require.NoError(t, conn.QueryRow(t.Context(), sql, args...).Scan(&v), sql)
	return v
}

// fixture makes the hard database once, and a large plain one.
var fixture = sync.OnceFunc(func() {
	ctx := context.Background()
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	var admin *pgx.Conn
	var err error
	for end := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		if admin, err = at("source", "postgres").connect(ctx); err == nil {
			break
		}
		if time.Now().After(end) {
			panic(err)
		}
	}
	defer closeConn(admin)
	for _, sql := range []string{
		"create role " + quote(hardReader) + " login password 'x' connection limit 7 valid until '2031-01-01 00:00:00+08'",
		"create role " + quote(hardOwner) + " noinherit createdb in role " + quote(hardReader) + ", pg_read_all_stats",
		"alter role " + quote(hardReader) + " set search_path to public, " + quote(hardSchema), "alter role " + quote(hardReader) + " set application_name to 'it''s'",
		"create role bystander", `create tablespace "space ü %" location '/space'`,
		"create database " + quote(hardDB) + " owner " + quote(hardOwner) + " connection limit 90",
		"comment on database " + quote(hardDB) + " is 'it''s %'", "revoke connect on database " + quote(hardDB) + " from public",
		"grant connect on database " + quote(hardDB) + " to " + quote(hardReader) + " with grant option",
		// Our sessions must not depend on any of these.
		"alter database " + quote(hardDB) + " set datestyle to 'SQL, DMY'", "alter database " + quote(hardDB) + " set search_path to " + quote(hardSchema) + ", public",
		"alter database " + quote(hardDB) + " set bytea_output to 'escape'", "alter database " + quote(hardDB) + " set statement_timeout to '15min'",
		"alter role " + quote(superuser) + " in database " + quote(hardDB) + " set extra_float_digits to -10",
		"alter role " + quote(hardReader) + " in database " + quote(hardDB) + " set work_mem to '5MB'",
		"create database plain", "alter database plain set idle_in_transaction_session_timeout to '100ms'", "alter database plain set statement_timeout to '300ms'",
	} {
		_, err := admin.Exec(ctx, sql)
		must(err)
	}
	hard, err := source.connect(ctx)
	must(err)
	defer closeConn(hard)
	_, err = hard.PgConn().Exec(ctx, "set search_path to public; "+hardSQL).ReadAll()
	must(err)
	plain, err := at("source", "plain").connect(ctx)
	must(err)
	defer closeConn(plain)
	// Random, so that it stays large when it is compressed.
	_, err = plain.PgConn().Exec(ctx, `create table public.t1 as select g as id, sha512(g::text::bytea) || sha512((-g)::text::bytea) as b from generate_series(1, 60000) g;
		create table public.t2 as select * from public.t1 limit 40000; create table public.t3 as select 1 as id; create index on public.t1 (id)`).ReadAll()
	must(err)
})

// good is the backup that the tests of a restore share.
var good struct {
	dir string
	m   *manifest.Manifest
}

// dumped makes a backup of the hard database, once.
func dumped(t *testing.T) (string, *manifest.Manifest) {
	t.Helper()
	fixture()
	if good.m == nil {
		dir, err := os.MkdirTemp("", "good-")
		require.NoError(t, err)
		m, err := Dump(t.Context(), source, dir, DumpOptions{})
		require.NoError(t, err)
		require.NoError(t, manifest.Write(dir, m))
		good.dir, good.m = dir, m
	}
	return good.dir, good.m
}

// restorable makes the target ready for the hard database.
func restorable(t *testing.T) {
	t.Helper()
	conn := dial(t, target)
	if ask[int](t, conn, `select count(*) from pg_tablespace where spcname = 'space ü %'`) == 0 {
		exec(t, conn, `create tablespace "space ü %" location '/space'`)
	}
}

// copyOf copies a backup.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, os.CopyFS(to, os.DirFS(dir)))
	return to
}

// databases are the names of all databases of a server.
func databases(t *testing.T, s Server) []string {
	t.Helper()
	rows, err := dial(t, s.with("postgres")).Query(t.Context(), "select datname::text from pg_database order by 1")
	require.NoError(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return names
}
