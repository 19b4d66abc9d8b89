//go:build integration

package logical

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/backup/manifest"
)

// load writes to the database until it is stopped: transfers whose sum is zero in every
// state, rows with numbers from a sequence, large objects, new tables, truncated ones.
func load(t *testing.T, s Server) (stop func() int64) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var count atomic.Int64
	var wg sync.WaitGroup
	for worker := range 3 {
		conn := dial(t, s)
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				a, b, amount := rand.IntN(200)+1, rand.IntN(200)+1, rand.IntN(1000)
				sql := fmt.Sprintf(`begin; update public.accounts set balance = balance - %[3]d where id = least(%[1]d, %[2]d); update public.accounts set balance = balance + %[3]d where id = greatest(%[1]d, %[2]d);
					insert into public.history (src, dst, amount) values (%[1]d, %[2]d, %[3]d); insert into public.serials (note) values ('load'); commit`, a, b, amount)
				if worker == 0 && n%20 == 0 {
					sql += fmt.Sprintf("; select lo_from_bytea(0, 'load'); create table public.made_%d (id serial primary key); insert into public.made_%[1]d default values", n)
				}
				if worker == 1 && n == 40 {
					sql += "; begin; truncate public.churn; insert into public.churn select generate_series(1, 1000); commit"
				}
				if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); err == nil {
					count.Add(1)
				} else if ctx.Err() == nil && !strings.Contains(err.Error(), "deadlock") {
					t.Errorf("the load failed: %v", err)
					return
				}
			}
		})
	}
	return func() int64 { cancel(); wg.Wait(); return count.Load() }
}

// A dump while the database is written to must restore to exactly what its manifest says, on
// another server: a product's own export could not be imported by its own restore (coolify
// 11459); a role or an extension was absent in the scratch server (databasus 721, 732).
func testRoundTrip(t *testing.T) {
	dumped(t) // the other tests' backup, before the load makes hundreds of tables
	dir := t.TempDir()
	stop := load(t, source)
	began := time.Now()
	m, err := Dump(t.Context(), source, dir, DumpOptions{Log: func(s string) { t.Log(s) }})
	written := stop()
	require.NoError(t, err)
	t.Logf("dumped in %s while %d transactions were written", time.Since(began), written)
	assert.Greater(t, written, int64(10))
	require.NoError(t, manifest.Write(dir, m))
	_, err = Verify(t.Context(), dir, VerifyOptions{Deep: true})
	require.NoError(t, err)

	assert.Equal(t, "17", m.Tool("pg_dump")[len("pg_dump (PostgreSQL) "):][:2])
	assert.NotEmpty(t, m.SnapshotLSN)
	assert.Positive(t, m.Duration())
	assert.Positive(t, m.Sizes.Files)
	assert.EqualValues(t, 60000, tableOf(t, m, "bulk").Rows)
	assert.True(t, tableOf(t, m, "unlogged").Unlogged)
	assert.EqualValues(t, 1000, tableOf(t, m, "churn").Rows, "a TRUNCATE emptied the table under the snapshot")
	globals, err := os.ReadFile(filepath.Join(dir, globalsFile))
	require.NoError(t, err)
	assert.NotContains(t, string(globals), "SCRAM-SHA-256", "a password verifier that nobody asked for")
	assert.NotContains(t, string(globals), "PASSWORD '")
	assert.Contains(t, string(globals), "CREATE ROLE bystander")

	// All that is missing is named at once, and nothing is changed.
	before := databases(t, target)
	_, err = Restore(t.Context(), target, dir, RestoreOptions{NoRoles: true})
	require.ErrorIs(t, err, ErrRefused)
	for _, missing := range []string{`the tablespace "space ü %" is missing`, `the role "owner ""x"" %@:/ ü" is missing`, `the role "reader ü" is missing`} {
		assert.ErrorContains(t, err, missing)
	}
	assert.Equal(t, before, databases(t, target))

	restorable(t)
	done, err := Restore(t.Context(), target, dir, RestoreOptions{Log: func(s string) { t.Log(s) }})
	require.NoError(t, err)
	t.Logf("restored: %v, notes %q", done.Phases, done.Notes)
	assert.Equal(t, []string{hardOwner, hardReader}, done.Roles)
	restored := target.with(hardDB)
	all, err := Compare(t.Context(), restored, m, CompareOptions{Jobs: 3})
	require.NoError(t, err)
	for _, d := range all {
		t.Logf("difference: %s (note: %v)", d, d.Note)
	}
	assert.Empty(t, manifest.Faults(all))

	conn := dial(t, restored)
	assert.Zero(t, ask[int64](t, conn, "select sum(balance)::bigint from public.accounts"))
	assert.Equal(t, "2030-12-31", ask[string](t, conn, "select (rolvaliduntil at time zone 'UTC')::date::text from pg_roles where rolname = $1", hardReader)[:10])
	assert.True(t, ask[bool](t, conn, "select passwd is null from pg_shadow where usename = $1", hardReader))
	assert.True(t, ask[bool](t, conn, "select pg_has_role($1, 'pg_read_all_stats', 'member')", hardOwner))
	assert.Zero(t, ask[int](t, conn, "select count(*) from pg_roles where rolname = 'bystander'"))
	assert.True(t, ask[bool](t, conn, "select last_analyze is not null from pg_stat_user_tables where relname = 'bulk'"))
	assert.Zero(t, ask[int](t, conn, "select count(*) from pg_subscription"))
	assert.NotContains(t, strings.Join(databases(t, target), " "), scratchPrefix)

	// Again: the name is taken by a database that is not empty.
	_, err = Restore(t.Context(), target, dir, RestoreOptions{})
	require.ErrorIs(t, err, ErrRefused)
	assert.ErrorContains(t, err, "is not empty")
}

func tableOf(t *testing.T, m *manifest.Manifest, name string) manifest.Table {
	t.Helper()
	for _, table := range m.Contents.Tables {
		if table.Name == name {
			return table
		}
	}
	require.Fail(t, "no table "+name)
	return manifest.Table{}
}
