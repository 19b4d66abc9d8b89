package store

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func good(context.Context, string, []File) error { return nil }

// memory is a folder in memory where the system has one: what is tested here is the order
// of the syncs, not the disk, and a disk takes milliseconds for each.
func memory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "drydock-store-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func open(t testing.TB) *Store {
	t.Helper()
	s, err := Open(memory(t), Options{Now: func() time.Time { return noon }})
	require.NoError(t, err)
	return s
}

// put publishes a dump of two files.
func put(t testing.TB, s *Store, database string) Backup {
	t.Helper()
	w, err := s.Begin(t.Context(), Spec{Kind: KindDump, Database: database, Zone: "Europe/Berlin"})
	require.NoError(t, err)
	fill(t, w, database)
	b, err := w.Commit(t.Context(), Done{Verify: good, Tools: map[string]string{"pg_dump": "17.6"}})
	require.NoError(t, err)
	return b
}

func fill(t testing.TB, w *Writer, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Join(w.Dir(), "dump"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(w.Dir(), "dump", "toc.dat"), []byte("toc of "+text), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(w.Dir(), "globals.sql"), []byte("globals of "+text), 0o600))
}

func listed(t testing.TB, s *Store) []string {
	t.Helper()
	all, err := s.List()
	require.NoError(t, err)
	ids := []string{}
	for _, b := range all {
		ids = append(ids, b.ID)
	}
	return ids
}

// nothingLeft looks for what a broken run could leave behind.
func nothingLeft(t testing.TB, s *Store) {
	t.Helper()
	err := filepath.WalkDir(s.root, func(path string, _ os.DirEntry, err error) error {
		name := filepath.Base(path)
		assert.False(t, strings.HasPrefix(name, ".") && path != s.root, "%s was left behind", path)
		return err
	})
	require.NoError(t, err)
	trash, err := os.ReadDir(s.path(trashDir))
	require.NoError(t, err)
	assert.Empty(t, trash)
}

func TestABackupIsPublishedWithItsRecord(t *testing.T) {
	s := open(t)
	b := put(t, s, "käse/ü %@:")
	assert.Regexp(t, `^000001-20260131T120000Z-[0-9a-f]{6}$`, b.ID)
	assert.Equal(t, "käse/ü %@:", b.Database)
	assert.Equal(t, LevelFull, b.Level)
	assert.Equal(t, []string{"dump/toc.dat", "globals.sql"}, []string{b.Files[0].Path, b.Files[1].Path})
	assert.Equal(t, b.Files[0].Size+b.Files[1].Size, b.Size)
	assert.NotZero(t, b.OnDisk)
	assert.True(t, b.Good())
	assert.Nil(t, b.Proven())

	for _, id := range []string{b.ID, "1", "000001"} {
		got, err := s.Get(id)
		require.NoError(t, err)
		assert.Equal(t, b, got)
	}
	for _, id := range []string{"", "0", "2", "newest", "../" + b.ID, b.ID + "x", "000002" + b.ID[6:]} {
		_, err := s.Get(id)
		assert.ErrorAs(t, err, new(*NotFoundError), id)
	}
	r, err := s.Verify(t.Context(), b.ID)
	require.NoError(t, err)
	assert.Empty(t, r.Problems)
	nothingLeft(t, s)

	reader, err := Open(s.root, Options{ReadOnly: true})
	require.NoError(t, err)
	assert.Equal(t, []string{b.ID}, listed(t, reader))
	_, err = reader.Begin(t.Context(), Spec{Kind: KindDump})
	assert.ErrorContains(t, err, "read-only")
	assert.ErrorContains(t, reader.Remove(t.Context(), b.ID), "read-only")
	_, err = Open(t.TempDir(), Options{ReadOnly: true})
	assert.ErrorContains(t, err, "right volume")
}

// Everything is on the disk before the rename, and the record is the last of it.
func TestTheOrderOfTheSteps(t *testing.T) {
	s := open(t)
	var steps []string
	s.hook = func(step string) { steps = append(steps, step) }
	put(t, s, "app")
	assert.Equal(t, []string{
		"locked", "reclaimed", "numbered", "made", "begun",
		"written", "synced file", "synced file", "synced folder", "synced folder", "hashed", "verified", "recorded",
		"renamed", "published", "indexed", "unlocked",
	}, steps)
}

// A run that fails leaves nothing but its reason, and the old backups are as they were:
// nfrastack/db-backup 366, Skyfay/DBackup 154, docker-postgres-backup-local 38.
func TestWhatComesToNothingIsNotListed(t *testing.T) {
	broken := errors.New("pg_dump ended with exit code 1")
	for name, c := range map[string]struct {
		end  func(t *testing.T, w *Writer) error
		want string
	}{
		"the dump failed": {func(t *testing.T, w *Writer) error {
			fill(t, w, "half")
			return errors.Join(broken, w.Abort(broken))
		}, "pg_dump ended with exit code 1"},
		"verify refused": {func(t *testing.T, w *Writer) error {
			fill(t, w, "app")
			_, err := w.Commit(t.Context(), Done{Verify: func(_ context.Context, dir string, _ []File) error {
				assert.FileExists(t, filepath.Join(dir, "globals.sql"))
				return errors.New("the dump has no tables")
			}})
			return err
		}, "the dump has no tables"},
		"nobody verifies": {func(t *testing.T, w *Writer) error {
			fill(t, w, "app")
			_, err := w.Commit(t.Context(), Done{})
			return err
		}, "nothing verifies it"},
		"no file": {func(t *testing.T, w *Writer) error {
			_, err := w.Commit(t.Context(), Done{Verify: good})
			return err
		}, "it is empty"},
		"0 bytes": {func(t *testing.T, w *Writer) error {
			require.NoError(t, os.WriteFile(filepath.Join(w.Dir(), "dump.zst"), nil, 0o600))
			_, err := w.Commit(t.Context(), Done{Verify: good})
			return err
		}, "it is empty"},
		"a link": {func(t *testing.T, w *Writer) error {
			fill(t, w, "app")
			require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(w.Dir(), "link")))
			_, err := w.Commit(t.Context(), Done{Verify: good})
			return err
		}, "neither a file nor a folder"},
		"an incremental without parent": {func(t *testing.T, w *Writer) error {
			fill(t, w, "app")
			_, err := w.Commit(t.Context(), Done{Verify: good, Level: LevelIncremental})
			return err
		}, "names no parent"},
		"canceled": {func(t *testing.T, w *Writer) error {
			fill(t, w, "app")
			ctx, cancel := context.WithCancel(t.Context())
			_, err := w.Commit(ctx, Done{Verify: func(context.Context, string, []File) error { cancel(); return nil }})
			assert.ErrorIs(t, err, context.Canceled)
			return err
		}, "context canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			old := put(t, s, "app")
			w, err := s.Begin(t.Context(), Spec{Kind: KindDump, Database: "app"})
			require.NoError(t, err)
			require.ErrorContains(t, c.end(t, w), c.want)
			assert.Equal(t, []string{old.ID}, listed(t, s))
			failures, err := s.Failures()
			require.NoError(t, err)
			require.Len(t, failures, 1)
			assert.Equal(t, w.ID(), failures[0].ID)
			assert.Contains(t, failures[0].Reason, c.want)
			nothingLeft(t, s)
			_, err = w.Commit(t.Context(), Done{Verify: good})
			assert.Error(t, err)
			put(t, s, "app") // the lock is free again
		})
	}
}

func TestFailuresAreBounded(t *testing.T) {
	s := open(t)
	for range keepFailures + 3 {
		w, err := s.Begin(t.Context(), Spec{Kind: KindDump, Database: "app"})
		require.NoError(t, err)
		require.NoError(t, w.Abort(errors.New("no")))
	}
	w, err := s.Begin(t.Context(), Spec{Kind: KindDump, Database: "other"})
	require.NoError(t, err)
	require.NoError(t, w.Abort(nil))
	failures, err := s.Failures()
	require.NoError(t, err)
	assert.Len(t, failures, keepFailures+1)
	assert.Equal(t, uint64(4), Sequence(failures[0].ID))
}

// Ids sort as the backups were begun, and are unique, though the clock steps back or
// stands still, and though the newest one was removed.
func TestIDsOnlyGrow(t *testing.T) {
	s := open(t)
	clock := noon
	s.now = func() time.Time { return clock }
	var want []string
	for _, step := range []time.Duration{0, 0, -48 * time.Hour, 24 * time.Hour, -400 * 24 * time.Hour} {
		clock = clock.Add(step)
		want = append(want, put(t, s, "app").ID)
	}
	assert.True(t, slices.IsSorted(want))
	assert.Equal(t, want, listed(t, s))

	require.NoError(t, s.Remove(t.Context(), want[4]))
	b := put(t, s, "app")
	assert.Equal(t, uint64(6), Sequence(b.ID), "the number of a removed one must not come again")
	require.NoError(t, os.Remove(s.path(counterFile)))
	assert.Equal(t, uint64(7), Sequence(put(t, s, "app").ID))
	require.NoError(t, os.WriteFile(s.path(counterFile), []byte("torn"), 0o600))
	assert.Equal(t, uint64(8), Sequence(put(t, s, "app").ID))
}

// A machine that takes the place of a lost one goes on after the numbers of its copies elsewhere.
func TestNumbersFollowThoseOfAnotherMachine(t *testing.T) {
	s := open(t)
	numbered := func() bool {
		t.Helper()
		yes, err := s.Numbered(t.Context())
		require.NoError(t, err)
		return yes
	}
	assert.False(t, numbered())
	require.NoError(t, s.Continue(t.Context(), 0))
	assert.False(t, numbered(), "there are no copies")
	require.NoError(t, s.Continue(t.Context(), 41))
	assert.True(t, numbered())
	b := put(t, s, "app")
	assert.Equal(t, uint64(42), Sequence(b.ID))
	require.NoError(t, s.Continue(t.Context(), 7), "they are behind")
	assert.Equal(t, uint64(43), Sequence(put(t, s, "app").ID))
}

// Two databases never share what a removal goes by: Dokploy 4914.
func TestRemovingOneDatabasesBackupLeavesTheOthers(t *testing.T) {
	s := open(t)
	a, b, c := put(t, s, "app"), put(t, s, "app2"), put(t, s, "app/2")
	require.NoError(t, s.Remove(t.Context(), a.ID))
	assert.Equal(t, []string{b.ID, c.ID}, listed(t, s))
	r, err := s.Verify(t.Context(), b.ID)
	require.NoError(t, err)
	assert.True(t, r.OK())
	nothingLeft(t, s)
	assert.ErrorAs(t, s.Remove(t.Context(), a.ID), new(*NotFoundError))
}

func TestMarks(t *testing.T) {
	s := open(t)
	b := put(t, s, "app")
	require.NoError(t, s.MarkProven(t.Context(), b.ID, Proof{Drill: "late", At: noon.Add(time.Hour), Took: time.Minute}))
	require.NoError(t, s.MarkProven(t.Context(), "1", Proof{Drill: "early", At: noon.In(time.FixedZone("x", 3600))}))
	got, err := s.Get(b.ID)
	require.NoError(t, err)
	assert.Equal(t, "late", got.Proven().Drill)
	assert.Equal(t, noon, got.Proofs[0].At)

	require.NoError(t, s.MarkDamaged(t.Context(), b.ID, "drill", "a byte was flipped"))
	require.NoError(t, s.MarkDamaged(t.Context(), b.ID, "verify", "something else"))
	got, err = s.Get(b.ID)
	require.NoError(t, err)
	assert.False(t, got.Good())
	assert.Equal(t, "a byte was flipped", got.Damaged.Reason)
	assert.ErrorContains(t, s.MarkProven(t.Context(), b.ID, Proof{}), "damaged")
	require.NoError(t, s.ClearDamage(t.Context(), b.ID))
	got, err = s.Get(b.ID)
	require.NoError(t, err)
	assert.True(t, got.Good())

	require.NoError(t, os.WriteFile(s.path(backupsDir, b.ID, marksFile), []byte("{"), 0o600))
	got, err = s.Get(b.ID)
	require.NoError(t, err)
	assert.Contains(t, got.Damaged.Reason, "marks")
}

func TestAChainIsKeptWhole(t *testing.T) {
	s := open(t)
	external := func(level, parent string) Backup {
		w, err := s.Begin(t.Context(), Spec{Kind: KindPhysical, Repository: "1", Level: level, Parent: parent, External: true})
		require.NoError(t, err)
		b, err := w.Commit(t.Context(), Done{Verify: good, Size: 100, OnDisk: 50, Details: json.RawMessage(`{"label":"20260131-120000F"}`)})
		require.NoError(t, err)
		return b
	}
	full := external(LevelFull, "")
	incr := external(LevelIncremental, full.ID)
	assert.Equal(t, int64(100), incr.Size)
	var needed *NeededError
	require.ErrorAs(t, s.Remove(t.Context(), full.ID), &needed)
	assert.Equal(t, []string{incr.ID}, needed.Children)

	require.NoError(t, s.MarkDamaged(t.Context(), full.ID, "verify", "gone"))
	w, err := s.Begin(t.Context(), Spec{Kind: KindPhysical, Repository: "1", Level: LevelIncremental, Parent: full.ID, External: true})
	require.NoError(t, err)
	_, err = w.Commit(t.Context(), Done{Verify: good})
	assert.ErrorContains(t, err, "make a full backup")

	require.NoError(t, s.Remove(t.Context(), incr.ID))
	require.NoError(t, s.Remove(t.Context(), full.ID))
	assert.Empty(t, listed(t, s))
}

func TestWhatIsReadIsNotRemoved(t *testing.T) {
	s := open(t)
	b := put(t, s, "app")
	u, err := s.Use("1")
	require.NoError(t, err)
	assert.FileExists(t, filepath.Join(u.Dir, "globals.sql"))
	second, err := s.Use(b.ID)
	require.NoError(t, err, "two may read")
	require.NoError(t, second.Close())
	assert.ErrorAs(t, s.Remove(t.Context(), b.ID), new(*BusyError))
	assert.Equal(t, []string{b.ID}, listed(t, s))
	require.NoError(t, u.Close())
	require.NoError(t, s.Remove(t.Context(), b.ID))
	_, err = s.Use(b.ID)
	assert.ErrorAs(t, err, new(*NotFoundError))
}

func TestMissingSpaceIsSaidBefore(t *testing.T) {
	s := open(t)
	_, err := s.Begin(t.Context(), Spec{Kind: KindDump, Expect: 1 << 60})
	var space *NoSpaceError
	require.ErrorAs(t, err, &space)
	assert.ErrorContains(t, err, "1024.0 PiB")
	assert.ErrorContains(t, s.wrap("x", unix.ENOSPC), "give the volume more space")
	put(t, s, "app")
}

// Listing goes on while others write and remove, and never sees a half one.
func TestListingWhileOthersWork(t *testing.T) {
	s := open(t)
	stay := put(t, s, "stay")
	var wg sync.WaitGroup
	for _, kind := range []string{KindDump, KindConfig} {
		wg.Go(func() {
			for range 10 {
				w, err := s.Begin(t.Context(), Spec{Kind: kind})
				if !assert.NoError(t, err) {
					return
				}
				fill(t, w, kind)
				b, err := w.Commit(t.Context(), Done{Verify: good})
				assert.NoError(t, err)
				assert.NoError(t, s.Remove(t.Context(), b.ID))
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for working := true; working; {
		select {
		case <-done:
			working = false
		default:
		}
		all, err := s.List()
		require.NoError(t, err)
		require.NotEmpty(t, all)
		assert.Equal(t, stay.ID, all[0].ID)
		for _, b := range all {
			require.True(t, b.Good(), "%+v", b)
		}
	}
	nothingLeft(t, s)
	failures, err := s.Failures()
	require.NoError(t, err)
	assert.Empty(t, failures)
}

func TestRunning(t *testing.T) {
	s := open(t)
	w, err := s.Begin(t.Context(), Spec{Kind: KindDump, Database: "app"})
	require.NoError(t, err)
	running, err := s.Running()
	require.NoError(t, err)
	require.Len(t, running, 1)
	assert.Equal(t, "app", running[0].Database)
	assert.Empty(t, listed(t, s))
	ids, err := s.Reclaim(t.Context())
	require.NoError(t, err)
	assert.Empty(t, ids, "the living are left alone")
	require.NoError(t, w.Abort(nil))
	running, err = s.Running()
	require.NoError(t, err)
	assert.Empty(t, running)
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 5 << 30: "5.0 GiB", -2048: "-2.0 KiB"} {
		assert.Equal(t, want, Bytes(n))
	}
}
