package receive

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// segment is a small one (64 KiB counts as a size here) of a system, filled up to a byte.
func segment(t *testing.T, system uint64, s Segment, filled int) []byte {
	t.Helper()
	const size = 64 << 10
	data := make([]byte, size)
	for i := range filled {
		data[i] = 1
	}
	binary.LittleEndian.PutUint64(data[8:], uint64(s.Start(size)))
	binary.LittleEndian.PutUint64(data[24:], system)
	return data
}

func TestFindChoosesTheFullestOfEachSegment(t *testing.T) {
	const size = 64 << 10
	dir := t.TempDir()
	put := func(run string, s Segment, suffix string, system uint64, filled int) string {
		path := filepath.Join(dir, "7", run, s.Name(size)+suffix)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, segment(t, system, s, filled), 0o600))
		return path
	}
	two, three, four, five, six := Segment{1, 2}, Segment{1, 3}, Segment{1, 4}, Segment{1, 5}, Segment{1, 6}
	whole := put("00000001-0001", two, "", 7, size)
	// A run that had just begun again must not hide what the one before had: it was acknowledged.
	put("00000001-0002", two, partialSuffix, 7, 100)
	full := put("00000001-0001", three, partialSuffix, 7, 5000)
	put("00000001-0002", three, partialSuffix, 7, 100)
	put("00000001-0002", four, "", 8, size) // of another database
	require.NoError(t, os.WriteFile(filepath.Join(dir, "7", "00000001-0002", five.Name(size)+partialSuffix), make([]byte, size), 0o600))
	put("00000001-0003", six, "", 7, size)
	require.NoError(t, writePosition(filepath.Join(dir, "7", "00000001-0003"), position{Diverged: true, Closed: "an older copy"}))
	history := filepath.Join(dir, "7", "00000001-0002", "00000002.history")
	require.NoError(t, os.WriteFile(history, []byte("1\t0/30000\tno\n"), 0o600))
	var said []string
	got, err := Find(dir, "7", func(line string) { said = append(said, line) })
	require.NoError(t, err)
	paths := map[string]string{}
	for name, f := range got {
		paths[name] = f.Path
	}
	assert.Equal(t, map[string]string{two.Name(size): whole, three.Name(size): full, "00000002.history": history}, paths)
	assert.Contains(t, strings.Join(said, "\n"), "of the database system 8, not of 7; it is refused")
	assert.Contains(t, strings.Join(said, "\n"), "an older copy")
}

func TestARestoredDatabaseWaitsForNobody(t *testing.T) {
	data := t.TempDir()
	path := filepath.Join(data, "postgresql.auto.conf")
	require.NoError(t, os.WriteFile(path, []byte("work_mem = '1MB'\nsynchronous_standby_names = 'drydock_receive'\nmax_slot_wal_keep_size = '4096MB'\nrecovery_target_timeline = '1'\n"), 0o600))
	o := CompleteOptions{Data: data, Log: "wal", Latest: true}
	require.NoError(t, o.configure(Completed{Timeline: 2}))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "work_mem = '1MB'\nrecovery_target_timeline = '1'\n", string(text), "a timeline without its history is not followed")
	require.NoError(t, os.MkdirAll(filepath.Join(data, "wal"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(data, "wal", "00000002.history.zst"), nil, 0o600))
	require.NoError(t, o.configure(Completed{Timeline: 2}))
	text, err = os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "work_mem = '1MB'\nrecovery_target_timeline = '1'\nrecovery_target_timeline = '2'\n", string(text), "the last one counts")
}
