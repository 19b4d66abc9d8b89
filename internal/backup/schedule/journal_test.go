package schedule

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// memory is a folder in memory where the system has one: a disk takes milliseconds for a sync.
func memory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "drydock-schedule-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func journal(t testing.TB, path string) *File {
	t.Helper()
	j, err := OpenFile(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = j.Close() })
	return j
}

// write plays n daily runs and returns what they come to.
func write(t testing.TB, j *File, n int) State {
	t.Helper()
	start := at(t, "2026-01-01T01:30:00Z")
	st := j.States()["dump"]
	for i := range n {
		slot := start.AddDate(0, 0, i)
		for _, e := range []Entry{
			{Event: EventStart, Run: fmt.Sprintf("dump-%06d", i+1)},
			{Event: EventEnd, Run: fmt.Sprintf("dump-%06d", i+1), Outcome: Succeeded, Size: int64(i)},
		} {
			e.Time, e.Slot, e.Job = slot, &slot, "dump"
			require.NoError(t, j.Append(e))
			st = st.apply(e)
		}
	}
	return st
}

func TestTheJournalRemembers(t *testing.T) {
	path := filepath.Join(memory(t), "journal.jsonl")
	j := journal(t, path)
	assert.Empty(t, j.States())
	want := write(t, j, 3)
	again := journal(t, path)
	assert.Equal(t, map[string]State{"dump": want}, again.States())
	assert.Len(t, again.Entries(), 6)
	assert.Equal(t, 3, want.Runs)
	assert.Equal(t, 3, want.Ends[Succeeded])
	_, err := OpenFile(filepath.Join(path, "below-a-file"))
	assert.ErrorContains(t, err, "journal")
}

// A crash in the middle of a line loses that line and no other, wherever it cuts.
func TestATornLineIsCutOff(t *testing.T) {
	dir := memory(t)
	path := filepath.Join(dir, "whole")
	write(t, journal(t, path), 2)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for cut := range len(whole) {
		path := filepath.Join(dir, "torn")
		require.NoError(t, os.WriteFile(path, whole[:cut], 0o600))
		j, err := OpenFile(path)
		require.NoError(t, err)
		require.Zero(t, j.Damaged())
		entries := len(j.Entries())
		require.NoError(t, j.Append(Entry{Event: EventSeen, Job: "more"}))
		require.NoError(t, j.Close())
		j, err = OpenFile(path)
		require.NoError(t, err)
		require.Len(t, j.Entries(), entries+1)
		require.NoError(t, j.Close())
	}
}

func TestADamagedLineIsPassedOver(t *testing.T) {
	path := filepath.Join(memory(t), "journal")
	want := write(t, journal(t, path), 2)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append([]byte("\x00\x00{}\n{}\n"), text...), 0o600))
	j := journal(t, path)
	assert.Equal(t, 2, j.Damaged())
	assert.Equal(t, want, j.States()["dump"])
}

// A long journal is shortened, and comes to the same.
func TestALongJournalIsShortened(t *testing.T) {
	path := filepath.Join(memory(t), "journal")
	want := write(t, journal(t, path), compactAt/2+1)
	j := journal(t, path)
	assert.Equal(t, want, j.States()["dump"])
	assert.Len(t, j.Entries(), keepEntries+1)
	require.NoError(t, j.Append(Entry{Event: EventSeen, Job: "more", Time: time.Unix(0, 0).UTC()}))
	again := journal(t, path)
	assert.Equal(t, want, again.States()["dump"])
	assert.Len(t, again.Entries(), keepEntries+2)
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, left, 1)
}
