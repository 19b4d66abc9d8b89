package receive

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPruneRemovesWhatTheArchiveHoldsAndNoMore(t *testing.T) {
	const size = 16 << 20
	name := func(n uint64) string { return Segment{Timeline: 1, Number: n}.Name(size) }
	dir := t.TempDir()
	run := filepath.Join(dir, "7", "00000001-0001")
	require.NoError(t, os.MkdirAll(run, 0o700))
	for n := uint64(1); n <= 5; n++ {
		require.NoError(t, os.WriteFile(filepath.Join(run, name(n)), nil, 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(run, name(6)+partialSuffix), nil, 0o600))
	var held map[string]bool
	var failure error
	r := Receiver{Dir: dir, Log: slog.New(slog.DiscardHandler), Archived: func(_ context.Context, system string) (map[string]bool, error) {
		assert.Equal(t, "7", system)
		return held, failure
	}}
	left := func() (names []uint64) {
		list, err := segmentsIn(run, size)
		require.NoError(t, err)
		for _, s := range list {
			names = append(names, s.Number)
		}
		return names
	}
	failure = errors.New("no answer")
	require.ErrorContains(t, r.prune(t.Context(), "7", size), "no answer")
	assert.Len(t, left(), 5, "an archive that does not answer holds nothing")
	failure = nil
	held = map[string]bool{name(1): true, name(3): true}
	require.NoError(t, r.prune(t.Context(), "7", size))
	assert.Equal(t, []uint64{2, 3, 4, 5}, left(), "up to the first that is missing there")
	held = map[string]bool{name(2): true, name(3): true, name(4): true, name(5): true}
	require.NoError(t, r.prune(t.Context(), "7", size))
	assert.Equal(t, []uint64{5}, left(), "the newest stays: pg_receivewal goes on after it")
	assert.FileExists(t, filepath.Join(run, name(6)+partialSuffix))

	// The end of a history that was lost stays for two weeks.
	require.NoError(t, writePosition(run, position{At: time.Now().Add(-keepOld + time.Hour)}))
	require.NoError(t, r.prune(t.Context(), "8", size))
	assert.DirExists(t, run)
	require.NoError(t, writePosition(run, position{At: time.Now().Add(-keepOld - time.Hour)}))
	require.NoError(t, r.prune(t.Context(), "7", size))
	assert.DirExists(t, run, "however long nothing was written")
	require.NoError(t, r.prune(t.Context(), "8", size))
	assert.NoDirExists(t, run)
}
