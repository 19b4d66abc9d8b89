//go:build integration && faults

package recovery

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/backup/physical"
)

// Killed in the middle, nothing is listed, what was there is, and the next run has the space back.
func TestAKilledBackupIsAbsent(t *testing.T) {
	l := newLab(t, "")
	first := l.must("full")
	l.sql(l.db, "CREATE TABLE big AS SELECT n, repeat(md5(n::text), 40) FROM generate_series(1, 40000) n; CHECKPOINT")
	done := make(chan error, 1)
	go func() { _, _, err := l.call("full"); done <- err }()
	require.Eventually(t, func() bool {
		out, err := l.e.ExecOutput(t.Context(), l.backup, "sh", "-c", "ls -d "+physical.RepoDir+"/backup/main/*F | wc -l")
		return err == nil && strings.TrimSpace(out) == "2"
	}, time.Minute, 20*time.Millisecond, "it never began")
	require.NoError(t, l.e.Kill(t.Context(), l.backup, "KILL"))
	require.Error(t, <-done)
	require.NoError(t, l.e.Start(t.Context(), l.backup))
	assert.NotContains(t, l.must("list"), "DAMAGED")
	second := l.must("incremental")
	out, err := l.e.ExecOutput(t.Context(), l.backup, "sh", "-c", "ls "+physical.RepoDir+"/backup/main | grep -c ^2")
	require.NoError(t, err)
	assert.Equal(t, "2", strings.TrimSpace(out), "the part that came to nothing is gone")
	for _, id := range []string{first, second} {
		_, err := l.copy(Spec{ID: id})
		require.NoError(t, err)
	}
}

// An archive that fails keeps a bounded part of the log, says that it is broken, and a new
// backup mends it.
func TestAFailingArchiveDoesNotFillTheDisk(t *testing.T) {
	l := newLab(t, "")
	l.must("full")
	_, err := l.e.ExecOutput(t.Context(), l.backup, "mv", physical.RepoDir+"/archive", physical.RepoDir+"/away")
	require.NoError(t, err)
	for range 12 { // 192 MB, and the bound is 80
		l.sql(l.db, "CREATE TABLE IF NOT EXISTS w (n int); INSERT INTO w VALUES (1); SELECT pg_switch_wal()")
	}
	require.Eventually(t, func() bool { return strings.Contains(l.must("list"), "BROKEN since") }, 3*time.Minute, time.Second)
	require.Eventually(t, func() bool {
		return l.sql(l.db, "SELECT count(*) <= 5 FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'") == "t"
	}, 3*time.Minute, time.Second, "the log that waits is bounded")
	_, err = l.e.ExecOutput(t.Context(), l.backup, "mv", physical.RepoDir+"/away", physical.RepoDir+"/archive")
	require.NoError(t, err)
	l.archived(3 * time.Minute)
	id := l.must("incremental")
	assert.NotContains(t, l.must("list"), "BROKEN")
	c, err := l.copy(Spec{ID: id})
	require.NoError(t, err)
	assert.Equal(t, "12", l.sql(c.Container, "SELECT count(*) FROM w"))
}
