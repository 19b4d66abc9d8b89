//go:build integration && faults

package recovery

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/backup/physical"
	"drydock/internal/engine"
	"drydock/internal/testkit"
)

// smallRepository has the lab's repository on a disk of its own.
func smallRepository(size int64) func(*lab) []engine.File {
	return func(l *lab) []engine.File {
		l.source.Repo = testkit.Name(l.t, "repo")
		testkit.Disk(l.t, l.source.Repo, size, testkit.Labels(l.t))
		return nil
	}
}

// inRepository runs a script in the repository's folder.
func (l *lab) inRepository(script string) string {
	l.t.Helper()
	out, err := l.e.ExecOutput(l.t.Context(), l.backup, "sh", "-euc", "cd "+physical.RepoDir+"; "+script)
	require.NoError(l.t, err)
	return strings.TrimSpace(out)
}

// The repository's disk is full in the middle of a backup, and then before it begins: it fails and
// says why and what to do, no part of it is listed or stays, what was there can be
// restored, and the next one has the space.
func TestABackupOnAFullDiskIsAbsent(t *testing.T) {
	l := newLab(t, "a-key-for-tests-only", smallRepository(128<<20))
	l.sql(l.db, "CREATE TABLE t AS SELECT 1 n")
	first := l.must("full")
	used := func() int {
		l.t.Helper()
		mb, err := strconv.Atoi(strings.Fields(l.inRepository("du -sm ."))[0])
		require.NoError(t, err)
		return mb
	}
	listed := func() (ids []string) {
		l.t.Helper()
		var list struct {
			Backups []struct {
				ID      string
				Damaged any
			}
		}
		require.NoError(t, json.Unmarshal([]byte(l.must("list", "--json")), &list))
		for _, b := range list.Backups {
			assert.Nil(t, b.Damaged, b.ID)
			ids = append(ids, b.ID)
		}
		return ids
	}
	fails := func(how string) {
		t.Helper()
		_, said, err := l.call("full")
		require.Error(t, err, said)
		last := said[strings.LastIndex(strings.TrimSpace(said), "\n")+1:]
		assert.Contains(t, last, physical.ErrFull.Error())
		assert.Contains(t, last, "give the volume more space")
		assert.Contains(t, last, "backup:remove")
		assert.Contains(t, last, how)
		assert.Contains(t, l.must("list"), "failed: physical")
		assert.Equal(t, []string{first}, listed())
		assert.Equal(t, "1", l.inRepository("ls backup/main | grep -c ^2"), "no part of it stays")
	}

	// Random bytes, which nothing makes smaller: 24 MB.
	l.sql(l.db, "CREATE TABLE big AS SELECT decode(string_agg(md5(random()::text || n || i), ''), 'hex') b FROM generate_series(1, 300) n, generate_series(1, 5000) i GROUP BY n")
	l.sql(l.db, "SELECT pg_switch_wal()")
	l.archived(time.Minute)
	// fill leaves so many MB.
	fill := func(left int) {
		l.inRepository(fmt.Sprintf("rm -f filler; head -c $(($(df -B1 --output=avail . | tail -n 1) - (%d << 20))) /dev/zero >filler || true; sync filler", left))
	}
	fill(20)
	before := used()
	fails("No space left on device")
	assert.InDelta(t, before, used(), 2, "the space is back at once, but for some log")
	fill(1)
	fails("beginning a backup")
	l.inRepository("rm filler")
	second := l.must("full")
	assert.Equal(t, []string{first, second}, listed())
	l.must("verify")
	for _, id := range []string{first, second} {
		c, err := l.copy(Spec{ID: id})
		require.NoError(t, err)
		assert.Equal(t, "1", l.sql(c.Container, "SELECT n FROM t"))
	}
	// The way out that was told is there without any space, too.
	fill(0)
	l.must("remove", first)
	assert.Equal(t, []string{second}, listed())
}
