//go:build integration

package logical

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/backup/manifest"
)

// In place: the old database is kept and serves until the moment of the change.
func testReplace(t *testing.T) {
	dir, m := dumped(t)
	restorable(t)
	admin := dial(t, target)
	exec(t, admin, "drop database if exists shop", "create database shop")
	shop := dial(t, target.with("shop"))
	exec(t, shop, "create table public.live (id int)", "insert into public.live values (1)")
	// A product's pool connects again as soon as it is thrown out.
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for ctx.Err() == nil {
				conn, err := target.with("shop").connect(ctx)
				if err != nil {
					continue
				}
				for err == nil {
					_, err = conn.Exec(ctx, "select count(*) from pg_class")
				}
				closeConn(conn)
			}
		})
	}
	done, err := Restore(t.Context(), target, dir, RestoreOptions{Database: "shop", Replace: true})
	cancel()
	wg.Wait()
	require.NoError(t, err)
	require.NotEmpty(t, done.Old)
	assert.Contains(t, strings.Join(done.Notes, "\n"), "DROP DATABASE")
	assert.Equal(t, 1, ask[int](t, dial(t, target.with(done.Old)), "select count(*) from public.live"))
	all, err := Compare(t.Context(), target.with("shop"), m, CompareOptions{})
	require.NoError(t, err)
	assert.Empty(t, manifest.Faults(all))

	exec(t, admin, "drop database "+quote(done.Old)+" with (force)")

	// One that is there and empty is taken without being asked, and leaves nothing.
	exec(t, admin, "create database vacant")
	before := databases(t, target)
	done, err = Restore(t.Context(), target, dir, RestoreOptions{Database: "vacant", NoCompare: true})
	require.NoError(t, err)
	assert.Empty(t, done.Old)
	assert.Equal(t, before, databases(t, target))
	assert.EqualValues(t, 60000, ask[int64](t, dial(t, target.with("vacant")), "select count(*) from public.bulk"))
	exec(t, admin, "drop database vacant with (force)")

	// Once more, without keeping: the name is the same, nothing piles up.
	done, err = Restore(t.Context(), target, dir, RestoreOptions{Database: "shop", Replace: true, DropOld: true, NoCompare: true, Subscriptions: true, NoTablespaces: true})
	require.NoError(t, err)
	assert.Empty(t, done.Old)
	assert.Equal(t, 1, ask[int](t, dial(t, target.with("shop")), "select count(*) from pg_subscription"))
	assert.Zero(t, ask[int](t, dial(t, target.with("shop")), "select count(*) from pg_class where reltablespace <> 0 and oid > 16384"))
	adm, err := openAdmin(t.Context(), target)
	require.NoError(t, err)
	defer adm.close()
	require.NoError(t, dropDatabase(t.Context(), adm, target, "shop"), "subscriptions must not keep it")
}

func testRestoreRefuses(t *testing.T) {
	dir, _ := dumped(t)
	before := databases(t, target)
	forge := func(change func(*manifest.Manifest)) string {
		twin := copyOf(t, dir)
		m, err := manifest.Read(twin)
		require.NoError(t, err)
		change(m)
		require.NoError(t, m.Seal(nil))
		require.NoError(t, manifest.Write(twin, m))
		return twin
	}
	low := func(context.Context) (int64, error) { return 1 << 20, nil }
	for _, c := range []struct {
		name string
		s    Server
		dir  string
		o    RestoreOptions
		want string
	}{
		{"extension", target, forge(func(m *manifest.Manifest) {
			m.Contents.Extensions = append(m.Contents.Extensions, manifest.Extension{Name: "no_such", Version: "1"})
		}), RestoreOptions{Database: "x"}, "the extension no_such is not installed on the server: install its package there"},
		{"newer server", target, forge(func(m *manifest.Manifest) { m.Server.Version, m.Server.VersionNumber = "99.1", 990001 }), RestoreOptions{Database: "x"}, "use version 99 or newer"},
		{"newer pg_dump", target, forge(func(m *manifest.Manifest) {
			for i := range m.Tools {
				m.Tools[i].Version = "pg_dump (PostgreSQL) 99.1"
			}
		}), RestoreOptions{Database: "x"}, "install postgresql-client-99"},
		{"space", target, dir, RestoreOptions{Database: "x", Free: low}, "has 1 MiB left and the restore needs"},
		{"not super", Server{Host: "target", User: "weak", Password: "w", Database: "postgres"}, dir, RestoreOptions{Database: "x"}, "is no superuser"},
		{"same", target, dir, RestoreOptions{Database: "postgres"}, "connect to another one"},
		{"template", target, dir, RestoreOptions{Database: "template1"}, "is a template"},
		{"long name", target, dir, RestoreOptions{Database: strings.Repeat("ü", 32)}, "has 64 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.s.User == "weak" {
				exec(t, dial(t, target), "drop role if exists weak", "create role weak login password 'w'")
			}
			_, err := Restore(t.Context(), c.s, c.dir, c.o)
			require.ErrorIs(t, err, ErrRefused)
			assert.ErrorContains(t, err, c.want)
		})
	}
	_, err := Restore(t.Context(), target, dir, RestoreOptions{Database: "x", Verifier: manifest.HMAC{Key: []byte("0123456789abcdef")}})
	require.ErrorIs(t, err, manifest.ErrSignature)
	_, err = Restore(t.Context(), target, t.TempDir(), RestoreOptions{Database: "x"})
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.ErrorContains(t, err, "no finished backup")
	assert.Equal(t, before, databases(t, target))
}

// An error in a restore lost every database (coolify 7987): whatever fails, what was there
// is there, and nothing new.
func testRestoreFails(t *testing.T) {
	dir, _ := dumped(t)
	restorable(t)
	admin := dial(t, target)
	exec(t, admin, "drop database if exists live", "create database live")
	live := dial(t, target.with("live"))
	exec(t, live, "create table public.live as select generate_series(1, 10) as id")
	before := databases(t, target)
	o := RestoreOptions{Database: "live", Replace: true, NoTablespaces: true}
	unharmed := func(t *testing.T) {
		t.Helper()
		assert.Equal(t, before, databases(t, target))
		assert.Equal(t, 10, ask[int](t, live, "select count(*) from public.live"), "the session of the live database was ended")
	}
	t.Run("pg_restore killed", func(t *testing.T) {
		killed := make(chan error, 1)
		go func() { killed <- killFirst(t.Context(), "pg_restore", "--jobs", syscall.SIGKILL) }()
		_, err := Restore(t.Context(), target, dir, o)
		require.NoError(t, <-killed)
		require.ErrorContains(t, err, "pg_restore was ended by signal 9")
		unharmed(t)
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		reason := errors.New("enough")
		go func() {
			_ = waitFor(t.Context(), "pg_restore", "--jobs") // a restore without it ends by itself, and the test fails then
			cancel(reason)
		}()
		_, err := Restore(ctx, target, dir, o)
		require.ErrorIs(t, err, reason)
		unharmed(t)
	})
	t.Run("server ends the sessions", func(t *testing.T) {
		over := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			waitFor(t.Context(), "pg_restore", "--jobs")
			for {
				select {
				case <-over:
					return
				default: // again and again, since its sessions come and go
					_, err := admin.Exec(t.Context(), "select pg_terminate_backend(pid) from pg_stat_activity where datname like '"+scratchPrefix+"%'")
					assert.NoError(t, err)
				}
			}
		})
		_, err := Restore(t.Context(), target, dir, o)
		close(over)
		wg.Wait()
		require.Error(t, err)
		unharmed(t)
	})
	t.Run("result differs", func(t *testing.T) {
		twin := copyOf(t, dir)
		m, err := manifest.Read(twin)
		require.NoError(t, err)
		m.Contents.Tables[0].Hash = "1"
		require.NoError(t, m.Seal(nil))
		require.NoError(t, manifest.Write(twin, m))
		_, err = Restore(t.Context(), target, twin, o)
		require.ErrorIs(t, err, ErrDifferent)
		assert.ErrorContains(t, err, "table hash "+m.Contents.Tables[0].String())
		unharmed(t)
	})
	t.Run("what a killed one left", func(t *testing.T) {
		dead, busy := scratchName(), scratchName()
		exec(t, admin, "create database "+dead, "comment on database "+dead+" is '"+scratchComment+" of x'", "create database "+busy)
		other, err := openAdmin(t.Context(), target)
		require.NoError(t, err)
		require.NoError(t, other.hold(t.Context(), busy))
		_, err = Restore(t.Context(), target, dir, o)
		require.NoError(t, err)
		assert.NotContains(t, databases(t, target), dead)
		assert.Contains(t, databases(t, target), busy, "somebody else's scratch database was dropped")
		other.close()
		for _, name := range databases(t, target) {
			if strings.HasPrefix(name, "live") || name == busy {
				exec(t, admin, "drop database "+quote(name)+" with (force)")
			}
		}
	})
}

func testTables(t *testing.T) {
	dir, m := dumped(t)
	admin := dial(t, target)
	exec(t, admin, "drop database if exists side", "create database side")
	s := target.with("side")
	conn := dial(t, s)
	exec(t, conn, "create type public.mood as enum ('sad', 'o''k', 'ha\"ppy', 'ü %')")
	done, err := RestoreTables(t.Context(), s, dir, TablesOptions{Tables: []string{"parts", "public.serials", "orders"}, Schema: `side "s" ü`})
	require.NoError(t, err)
	assert.Contains(t, strings.Join(done.Notes, "\n"), "orders_serial_fkey")
	side := quote(`side "s" ü`)
	assert.EqualValues(t, 500, ask[int64](t, conn, "select count(*) from "+side+".parts"))
	assert.EqualValues(t, tableOf(t, m, "serials").Rows, ask[int64](t, conn, "select count(*) from "+side+".serials"))
	assert.Equal(t, 2, ask[int](t, conn, `select count(*) from pg_indexes where schemaname = 'side "s" ü' and tablename = 'parts'`))
	// The sequence came along, and is ahead of the table.
	assert.True(t, ask[bool](t, conn, "with x as (insert into "+side+".serials (note) values ('new') returning id) select id > (select max(id) from "+side+".serials) from x"))
	assert.Zero(t, ask[int](t, conn, "select count(*) from pg_class where relname = 'bulk'"))

	// To where it was.
	_, err = RestoreTables(t.Context(), s, dir, TablesOptions{Tables: []string{"public.bulk"}})
	require.NoError(t, err)
	assert.EqualValues(t, 60000, ask[int64](t, conn, "select count(*) from public.bulk"))
	for _, c := range []struct {
		tables []string
		schema string
		want   string
	}{
		{[]string{"public.bulk"}, "", "already has public.bulk"},
		{[]string{"public.Bulk"}, "x", "did you mean public.bulk"},
		{nil, "x", "no table was named"},
	} {
		_, err = RestoreTables(t.Context(), s, dir, TablesOptions{Tables: c.tables, Schema: c.schema})
		require.ErrorIs(t, err, ErrRefused)
		assert.ErrorContains(t, err, c.want)
	}
	// One whose types are missing fails as a whole.
	_, err = RestoreTables(t.Context(), s, dir, TablesOptions{Tables: []string{manifest.Ident(hardSchema, hardTable)}, Schema: "absent"})
	require.Error(t, err)
	assert.Zero(t, ask[int](t, conn, "select count(*) from pg_namespace where nspname = 'absent'"))
	assert.NotContains(t, strings.Join(databases(t, target), " "), scratchPrefix)
	closeConn(conn)
	exec(t, admin, "drop database side with (force)")
}
