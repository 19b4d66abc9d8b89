//go:build integration && faults

package recovery

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/backup/physical"
	"drydock/internal/run"
)

// RPO=zero, the archive fails, and then the database is lost: a time that lies in what only
// the receiver has, a whole segment of it and one that was being filled, can be restored to.
func TestATimeInTheReceivedLog(t *testing.T) {
	l := newLab(t, "a-key-for-tests-only")
	l.sql(l.db, "CREATE TABLE t (n int)")
	id := l.must("full")
	receiver := l.startService([]string{"backup", "run"}, "RPO=zero", "BACKUP_HEARTBEAT=0s")
	_, err := l.e.ExecOutput(t.Context(), l.backup, "mv", physical.RepoDir+"/archive", physical.RepoDir+"/away")
	require.NoError(t, err)
	l.sql(l.db, "INSERT INTO t VALUES (1)")
	l.sql(l.db, "SELECT pg_switch_wal()")
	l.sql(l.db, "INSERT INTO t VALUES (2)")
	between := l.sql(l.db, "SELECT clock_timestamp()")
	l.sql(l.db, "SELECT pg_sleep(0.1); INSERT INTO t VALUES (3)")
	end := l.sql(l.db, "SELECT pg_current_wal_flush_lsn()")
	require.Eventually(t, func() bool {
		return l.sql(l.db, "SELECT count(*) FROM pg_stat_replication WHERE application_name = 'drydock_receive' AND flush_lsn >= '"+end+"'") == "1"
	}, time.Minute, 100*time.Millisecond, "it was never received")
	for _, container := range []string{l.db, receiver} {
		require.NoError(t, l.e.Kill(t.Context(), container, "KILL"))
	}
	_, err = l.e.ExecOutput(t.Context(), l.backup, "mv", physical.RepoDir+"/away", physical.RepoDir+"/archive")
	require.NoError(t, err)

	when, err := physical.ParseTime(between)
	require.NoError(t, err)
	var list struct {
		Windows  map[string]physical.Window
		Archives []struct{ Until, Received time.Time }
	}
	require.NoError(t, json.Unmarshal([]byte(l.must("list", "--json")), &list))
	assert.True(t, list.Archives[0].Until.Before(when), "the archive alone does not lead there")
	until := list.Windows[id].Until
	assert.True(t, until.After(when), "what was received does")
	assert.Equal(t, list.Archives[0].Received, until)
	assert.Contains(t, l.must("list"), ", received until "+until.UTC().Format("2006-01-02 15:04:05"))

	for _, want := range []struct{ at, rows string }{{between, "1,2"}, {"latest", "1,2,3"}} {
		c, err := l.copy(Spec{At: want.at})
		require.NoError(t, err, want.at)
		assert.Equal(t, want.rows, l.sql(c.Container, "SELECT string_agg(n::text, ',' ORDER BY n) FROM t"), want.at)
	}
	_, err = l.copy(Spec{At: until.Add(time.Second).Format(time.RFC3339)})
	require.ErrorContains(t, err, "to "+until.UTC().Format(physical.Form))
	assert.Equal(t, run.CodeBadInput, run.Code(err))
}
