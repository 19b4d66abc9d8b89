package store

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/flock"
	"drydock/internal/run"
)

func TestALockHasOneHolder(t *testing.T) {
	s := open(t)
	l, err := s.Lock("prune", "backup:prune")
	require.NoError(t, err)
	assert.Nil(t, l.Stale)
	_, err = s.Lock("prune", "another")
	var busy *BusyError
	require.ErrorAs(t, err, &busy)
	assert.Equal(t, "backup:prune", busy.Holder.Name)
	assert.Equal(t, os.Getpid(), busy.Holder.PID)
	assert.Equal(t, noon, busy.Holder.Since)
	assert.Equal(t, run.CodeBusy, run.Code(err))
	assert.ErrorContains(t, err, "alive")

	holder, err := s.Locked("prune")
	require.NoError(t, err)
	assert.Equal(t, &busy.Holder, holder)
	require.NoError(t, l.Unlock())
	require.NoError(t, l.Unlock(), "twice does no harm")
	for _, name := range []string{"prune", "never-locked"} {
		holder, err = s.Locked(name)
		require.NoError(t, err)
		assert.Nil(t, holder)
	}
	_, err = s.Lock("../prune", "x")
	assert.Error(t, err)
}

// What a dead holder wrote down is still there, but holds nobody off.
func TestAStaleLockIsTakenAndSaid(t *testing.T) {
	s := open(t)
	dead := `{"name":"backup:dump","host":"c0ffee","pid":7,"since":"2026-01-30T02:00:00Z"}`
	require.NoError(t, os.WriteFile(s.path(locksDir, "backup-dump.lock"), []byte(dead), 0o600))
	holder, err := s.Locked("backup-dump")
	require.NoError(t, err)
	assert.Nil(t, holder)
	w, err := s.Begin(t.Context(), Spec{Kind: KindDump})
	require.NoError(t, err)
	require.NotNil(t, w.Stale())
	assert.Equal(t, "backup:dump (process 7 on c0ffee, since 2026-01-30T02:00:00Z)", w.Stale().String())
	require.NoError(t, w.Abort(nil))
}

// Two backups of one kind never overlap; those of two kinds do.
func TestOneBackupOfAKindAtATime(t *testing.T) {
	s := open(t)
	w, err := s.Begin(t.Context(), Spec{Kind: KindDump, Database: "a", Holder: "scheduler"})
	require.NoError(t, err)
	_, err = s.Begin(t.Context(), Spec{Kind: KindDump, Database: "b"})
	var busy *BusyError
	require.ErrorAs(t, err, &busy)
	assert.Equal(t, "scheduler", busy.Holder.Name)
	other, err := s.Begin(t.Context(), Spec{Kind: KindConfig})
	require.NoError(t, err)
	require.NoError(t, other.Abort(nil))
	require.NoError(t, w.Abort(nil))
	failures, err := s.Failures()
	require.NoError(t, err)
	assert.Len(t, failures, 2, "being held off is no failed backup")
}

// A folder that was opened to see whether its writer is dead may be published before it is
// locked: it is not a dead one's then.
func TestWhatIsPublishedMeanwhileIsNotReclaimed(t *testing.T) {
	s := open(t)
	w, err := s.Begin(t.Context(), Spec{Kind: KindDump})
	require.NoError(t, err)
	fill(t, w, "app")

	published, committed := make(chan struct{}), make(chan error, 1)
	s.hook = func(step string) {
		if step == "published" {
			close(published)
		}
	}
	other, err := Open(s.root, Options{})
	require.NoError(t, err)
	other.opened = func(string) {
		other.opened = nil
		go func() {
			_, err := w.Commit(t.Context(), Done{Verify: good})
			committed <- err
		}()
		<-published
	}
	ids, err := other.Reclaim(t.Context())
	require.NoError(t, err)
	assert.Empty(t, ids)
	require.NoError(t, <-committed)
	assert.Equal(t, []string{w.ID()}, listed(t, s))
	report, err := s.Verify(t.Context(), w.ID())
	require.NoError(t, err)
	assert.Empty(t, report.Problems)
	nothingLeft(t, s)
}

// Asking what is being written holds a folder for a moment, and the writer still gets it.
func TestAWriterHoldsItsFolderThoughSomebodyLooked(t *testing.T) {
	s := open(t)
	var looked *os.File
	s.opened = func(path string) {
		s.opened = nil
		d, err := s.tryDir(path, flock.Shared)
		require.NoError(t, err)
		require.NotNil(t, d)
		looked = d
		time.AfterFunc(20*time.Millisecond, func() { assert.NoError(t, looked.Close()) })
	}
	w, err := s.Begin(t.Context(), Spec{Kind: KindDump})
	require.NoError(t, err)
	ids, err := s.Reclaim(t.Context())
	require.NoError(t, err)
	assert.Empty(t, ids, "the backup is alive")
	require.NoError(t, w.Abort(nil))
	nothingLeft(t, s)
}

// An id whose removal is not done cannot come back under the removal's hands.
func TestWhatIsBeingRemovedDoesNotComeBackYet(t *testing.T) {
	s := open(t)
	b := put(t, s, "app")
	s.hook = func(step string) {
		if step != "forgotten" {
			return
		}
		_, err := s.Begin(t.Context(), Spec{Kind: KindConfig, Original: &b.Record})
		assert.ErrorContains(t, err, "being removed")
	}
	require.NoError(t, s.Remove(t.Context(), b.ID))
}
