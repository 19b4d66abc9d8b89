//go:build integration

package logical

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/backup/manifest"
	"drydock/internal/run"
)

// waitFor waits until a program runs that has an argument, and returns its processes.
func waitFor(ctx context.Context, name, argument string) []int {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(2 * time.Millisecond) {
		var found []int
		files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, f := range files {
			text, _ := os.ReadFile(f) // it may be gone
			if args := bytes.Split(text, []byte{0}); string(args[0]) == name && bytes.Contains(text, []byte(argument)) {
				pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(f)))
				found = append(found, pid)
			}
		}
		if len(found) > 0 {
			slices.Sort(found) // the first one started the others
			return found
		}
	}
	return nil
}

func killFirst(ctx context.Context, name, argument string, signal syscall.Signal) error {
	pids := waitFor(ctx, name, argument)
	if len(pids) == 0 {
		return errors.New(name + " never ran")
	}
	return syscall.Kill(pids[0], signal)
}

func testDumpRefuses(t *testing.T) {
	fixture()
	conn := dial(t, at("source", "postgres"))
	exec(t, conn, "drop database if exists empty", "create database empty")
	names, err := Databases(t.Context(), at("source", "postgres"))
	require.NoError(t, err)
	assert.Equal(t, []string{"empty", "plain", "postgres", hardDB}, names)
	// A tool of another age: it answers like the real one, and must not be asked for more.
	old := t.TempDir()
	for _, tool := range []string{"pg_dump", "pg_dumpall", "pg_restore"} {
		require.NoError(t, os.WriteFile(filepath.Join(old, tool), []byte("#!/bin/sh\n[ \"$*\" = --version ] && echo '"+tool+" (PostgreSQL) 14.20 (Debian)' || touch "+old+"/ran\n"), 0o755))
	}
	with := func(s Server, change func(*Server)) Server { change(&s); return s }
	full := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(full, "x"), nil, 0o600))
	for _, c := range []struct {
		name    string
		s       Server
		dir     string
		o       DumpOptions
		want    []string
		refused bool
	}{
		// A valid dump without a table was taken for a backup (docker-postgres-backup-local 38).
		{"empty", at("source", "empty"), "", DumpOptions{}, []string{"holds no table", "is it the right one?", "plain", `"we""ird %@:/ d'æta =b\ase"`}, true},
		{"absent", at("source", "nowhere"), "", DumpOptions{}, []string{`database "nowhere" does not exist`, "check the database's name"}, false},
		// A wrong password gave an empty file and exit code 0 (nfrastack/db-backup 366).
		{"password", with(source, func(s *Server) { s.Password = "wrong" }), "", DumpOptions{}, []string{"password authentication failed", "check the user"}, false},
		{"host", with(source, func(s *Server) { s.Host, s.ConnectTimeout = "no-such-host", time.Second }), "", DumpOptions{}, []string{"is the server up"}, false},
		{"old pg_dump", source, "", DumpOptions{Tools: Tools{Path: old}}, []string{"pg_dump is version 14", "the server is version 17", "install postgresql-client-17"}, true},
		{"no pg_dump", source, "", DumpOptions{Tools: Tools{Path: full}}, []string{"pg_dump"}, false},
		{"not empty", source, full, DumpOptions{}, []string{"it is not empty (x is in it)"}, true},
		{"no folder", source, filepath.Join(full, "y"), DumpOptions{}, []string{"give an existing, empty folder"}, true},
		{"level", source, "", DumpOptions{Level: 20}, []string{"1 to 19"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := c.dir
			if dir == "" {
				dir = t.TempDir()
			}
			m, err := Dump(t.Context(), c.s, dir, c.o)
			require.Error(t, err)
			assert.Nil(t, m)
			for _, want := range c.want {
				assert.ErrorContains(t, err, want)
			}
			assert.NotContains(t, err.Error(), hardPassword)
			assert.Equal(t, c.refused, errors.Is(err, ErrRefused))
			assert.NotEqual(t, run.CodeOK, run.Code(err))
			if c.dir == "" {
				list, err := os.ReadDir(dir)
				require.NoError(t, err)
				assert.Empty(t, list, "something was written")
			}
		})
	}
	assert.NoFileExists(t, filepath.Join(old, "ran"))
	dir := t.TempDir()
	m, err := Dump(t.Context(), at("source", "empty"), dir, DumpOptions{AllowEmpty: true})
	require.NoError(t, err)
	require.NoError(t, manifest.Write(dir, m))
	_, err = Restore(t.Context(), target, dir, RestoreOptions{})
	require.NoError(t, err)
	exec(t, dial(t, target), "drop database empty")
	exec(t, conn, "drop database empty")
}

// What is cut off in the middle is an error, and no backup.
func testDumpFails(t *testing.T) {
	fixture()
	admin := dial(t, at("source", "postgres"))
	// The strongest compression takes long enough to be met.
	slow := DumpOptions{Level: 19}
	long := DumpOptions{}
	for _, c := range []struct {
		name  string
		fault func(ctx context.Context, t *testing.T)
		want  string
		o     DumpOptions
	}{
		{"killed", func(ctx context.Context, t *testing.T) {
			assert.NoError(t, killFirst(ctx, "pg_dump", "--jobs", syscall.SIGKILL))
		}, "pg_dump was ended by signal 9", slow},
		{"told to stop", func(ctx context.Context, t *testing.T) {
			assert.NoError(t, killFirst(ctx, "pg_dump", "--jobs", syscall.SIGTERM))
		}, "pg_dump", slow},
		{"a worker killed", func(ctx context.Context, t *testing.T) {
			pids := waitFor(ctx, "pg_dump", "--jobs")
			for len(pids) == 1 || len(pids) == 2 {
				time.Sleep(time.Millisecond)
				pids = waitFor(ctx, "pg_dump", "--jobs")
			}
			if !assert.NotEmpty(t, pids) {
				return
			}
			assert.NoError(t, syscall.Kill(pids[len(pids)-1], syscall.SIGKILL))
		}, "pg_dump ended with exit code 1", slow},
		{"sessions ended", func(ctx context.Context, t *testing.T) {
			waitFor(ctx, "pg_dump", "--jobs")
			exec(t, admin, "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'plain'")
		}, "", slow},
		{"snapshot lost", func(ctx context.Context, t *testing.T) {
			waitFor(ctx, "pg_dump", "--jobs")
			exec(t, admin, "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'plain' and state = 'idle in transaction' and query not like '%lock%'")
		}, "", long},
	} {
		t.Run(c.name, func(t *testing.T) {
			done := make(chan struct{})
			go func() { defer close(done); c.fault(t.Context(), t) }()
			dir := t.TempDir()
			m, err := Dump(t.Context(), at("source", "plain"), dir, c.o)
			<-done
			require.Error(t, err)
			assert.Nil(t, m)
			assert.ErrorContains(t, err, c.want)
			assert.NoFileExists(t, filepath.Join(dir, manifest.FileName))
			assert.Empty(t, waitFor(canceled(), "pg_dump", "--jobs"), "it still runs")
			_, err = Verify(t.Context(), dir, VerifyOptions{})
			assert.ErrorContains(t, err, "no finished backup")
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		reason := errors.New("enough")
		go func() { waitFor(ctx, "pg_dump", "--jobs"); cancel(reason) }()
		_, err := Dump(ctx, at("source", "plain"), t.TempDir(), slow)
		require.ErrorIs(t, err, reason)
		require.Eventually(t, func() bool {
			return ask[int](t, admin, "select count(*) from pg_stat_activity where datname = 'plain'") == 0
		}, 10*time.Second, 20*time.Millisecond, "its queries go on in the server")
	})
	// Disk full, size 0, success reported (bcgov/backup-container 137).
	t.Run("disk full", func(t *testing.T) {
		dir, err := os.MkdirTemp("/small", "")
		require.NoError(t, err)
		defer os.RemoveAll(dir)
		_, err = Dump(t.Context(), at("source", "plain"), dir, DumpOptions{})
		require.ErrorContains(t, err, "No space left on device")
	})
	// A database that goes away in the middle.
	t.Run("dropped", func(t *testing.T) {
		exec(t, admin, "create database goes template plain")
		go func() {
			waitFor(t.Context(), "pg_dump", "--jobs")
			_, _ = admin.Exec(t.Context(), "drop database goes with (force)")
		}()
		_, err := Dump(t.Context(), at("source", "goes"), t.TempDir(), slow)
		require.Error(t, err)
	})
	// The settings of this database end sessions that are idle or slow. Ours are not.
	t.Run("none of it", func(t *testing.T) {
		dir := t.TempDir()
		began := time.Now()
		m, err := Dump(t.Context(), at("source", "plain"), dir, DumpOptions{Deferrable: true, Signer: manifest.HMAC{Key: []byte("0123456789abcdef")}, RolePasswords: true})
		require.NoError(t, err)
		t.Logf("a dump of %d MiB took %s", m.Sizes.Database>>20, time.Since(began))
		require.NoError(t, manifest.Write(dir, m))
		_, err = Verify(t.Context(), dir, VerifyOptions{Deep: true, Verifier: manifest.HMAC{Key: []byte("0123456789abcdef")}})
		require.NoError(t, err)
		globals, err := os.ReadFile(filepath.Join(dir, globalsFile))
		require.NoError(t, err)
		assert.Contains(t, string(globals), "SCRAM-SHA-256")
	})
}

// canceled is a context in which waitFor looks around once at most.
func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// A table that is being altered: the dump waits for it, and says who keeps it waiting.
func testLocks(t *testing.T) {
	fixture()
	s := at("source", "plain")
	conn := dial(t, s)
	exec(t, conn, "begin", "truncate public.t2")
	_, err := Dump(t.Context(), s, t.TempDir(), DumpOptions{LockWait: 100 * time.Millisecond})
	require.ErrorContains(t, err, "who holds them: session ")
	assert.ErrorContains(t, err, "give the dump more time")

	type result struct {
		m   *manifest.Manifest
		err error
	}
	done := make(chan result)
	dir := t.TempDir()
	go func() {
		m, err := Dump(t.Context(), s, dir, DumpOptions{Level: 1})
		done <- result{m, err}
	}()
	watch := dial(t, at("source", "postgres"))
	require.Eventually(t, func() bool {
		return ask[int](t, watch, "select count(*) from pg_stat_activity where datname = 'plain' and wait_event_type = 'Lock'") > 0
	}, 20*time.Second, 10*time.Millisecond)
	// A dump whose snapshot is older than this finds nothing in the table, and says nothing.
	exec(t, conn, "insert into public.t2 select * from public.t1 limit 7", "commit")
	r := <-done
	require.NoError(t, r.err)
	require.NoError(t, manifest.Write(dir, r.m))
	assert.EqualValues(t, 7, tableOf(t, r.m, "t2").Rows)
	_, err = Verify(t.Context(), dir, VerifyOptions{Deep: true})
	require.NoError(t, err)
}

// A TRUNCATE that comes when the dump has its locks: it waits for the dump, and pg_dump's jobs
// would wait for it, or fail. The dump gives up, lets it pass, and begins again with one job.
func testCrossed(t *testing.T) {
	fixture()
	s := at("source", "plain")
	conn := dial(t, s)
	passed := make(chan error, 1)
	go func() {
		waitFor(t.Context(), "pg_dump", "--jobs=2")
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); { // until its jobs are at the larger tables
			var busy bool
			if err := conn.QueryRow(t.Context(), "select count(*) = 2 from pg_stat_activity where query like 'COPY%' and state = 'active'").Scan(&busy); err != nil || busy {
				break
			}
		}
		_, err := conn.Exec(t.Context(), "truncate public.t3")
		passed <- err
	}()
	dir := t.TempDir()
	m, err := Dump(t.Context(), s, dir, DumpOptions{Level: 6})
	require.NoError(t, err)
	require.NoError(t, <-passed)
	assert.Contains(t, strings.Join(m.Warnings, " "), "attempt 1 was crossed by a TRUNCATE")
	assert.Equal(t, 1, m.Options.Jobs)
	assert.Zero(t, tableOf(t, m, "t3").Rows)
	require.NoError(t, manifest.Write(dir, m))
	_, err = Verify(t.Context(), dir, VerifyOptions{Deep: true})
	require.NoError(t, err)
}

// Another libc under the same data broke text indexes and let duplicates into a unique one
// (OpenDigitalProductFactory PR 3339): the versions differ, and that has to be said.
func testCollations(t *testing.T) {
	fixture()
	s := at("source", "moved")
	admin := dial(t, at("source", "postgres"))
	exec(t, admin, "create database moved template template0 locale_provider icu icu_locale 'de'")
	conn := dial(t, s)
	exec(t, conn, `create table public.words (w text unique, x text collate "fr-x-icu"); insert into public.words values ('a'), ('B')`)
	list, err := Collations(t.Context(), s)
	require.NoError(t, err)
	assert.Empty(t, list)
	exec(t, conn, "update pg_database set datcollversion = '1.2' where datname = 'moved'", "update pg_collation set collversion = '3.4' where collname = 'fr-x-icu'")
	list, err = Collations(t.Context(), s)
	require.NoError(t, err)
	require.Len(t, list, 2)
	assert.Contains(t, list[0].String(), `database: made with version 1.2`)
	assert.Contains(t, list[0].Advice, `REINDEX DATABASE "moved"; then ALTER DATABASE "moved" REFRESH COLLATION VERSION;`)
	assert.Contains(t, list[1].Advice, `ALTER COLLATION "pg_catalog"."fr-x-icu" REFRESH VERSION;`)

	dir := t.TempDir()
	m, err := Dump(t.Context(), s, dir, DumpOptions{})
	require.NoError(t, err)
	assert.Contains(t, strings.Join(m.Warnings, "\n"), "run REINDEX DATABASE")
	require.NoError(t, manifest.Write(dir, m))
	done, err := Restore(t.Context(), target, dir, RestoreOptions{})
	require.NoError(t, err)
	assert.Contains(t, strings.Join(done.Notes, "\n"), "collation version")
	exec(t, dial(t, target), "drop database moved with (force)")
	closeConn(conn)
	exec(t, admin, "drop database moved with (force)")
}
