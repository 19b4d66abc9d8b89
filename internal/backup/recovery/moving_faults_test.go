//go:build integration && faults

package recovery

import (
	"context"
	"errors"
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

// letGo is what the receiver does every half a minute, done all the time: of a run it removes what the
// archive holds, up to the newest whole segment.
const letGo = `cd ` + physical.RepoDir + `/received || exit 0
n=0
while :; do
	for run in */*/; do
		[ -d "$run" ] || continue
		for f in $(ls "$run" | grep -xE '[0-9A-F]{24}' | head -n -1); do
			ls ../archive/main/*/*/"$f"-* >/dev/null 2>&1 || break
			rm -f "$run$f" && n=$((n + 1))
		done
	done
	echo $n >/tmp/let-go
done`

// Two restores at once read a log that moves under them: segments are filled, become whole, are
// archived, and are removed where they were received. Whatever was acknowledged before a restore
// began is in what it brings back.
func TestRestoresOfALogThatMoves(t *testing.T) {
	l := newLab(t, "a-key-for-tests-only")
	l.sql(l.db, "CREATE TABLE t (n int)")
	l.must("full")
	l.startService([]string{"backup", "run"}, "RPO=zero", "BACKUP_HEARTBEAT=0s")
	require.Eventually(t, func() bool {
		return l.sql(l.db, "SELECT count(*) FROM pg_stat_replication WHERE application_name = 'drydock_receive'") == "1"
	}, time.Minute, 100*time.Millisecond)
	l.sql(l.db, "ALTER SYSTEM SET synchronous_standby_names = 'drydock_receive'; ")
	l.sql(l.db, "SELECT pg_reload_conf()")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() {
		ended <- l.e.Exec(ctx, l.backup, engine.Command{Cmd: []string{"sh", "-c", letGo}})
	}()
	go func() {
		var err error
		for n := 1; ctx.Err() == nil && err == nil; n++ {
			_, err = l.e.ExecOutput(t.Context(), l.db, "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "app", "-d", "postgres",
				"-c", fmt.Sprintf("INSERT INTO t VALUES (%d)", n), "-c", "SELECT pg_switch_wal()")
		}
		ended <- err
	}()
	for round := range 4 {
		type got struct {
			rows string
			err  error
		}
		before, err := strconv.Atoi(l.sql(l.db, "SELECT coalesce(max(n), 0) FROM t"))
		require.NoError(t, err)
		both := make(chan got, 2)
		for range 2 {
			go func() {
				s := Spec{At: "latest", Source: l.source, Labels: testkit.Labels(t), Name: testkit.Name(t, "copy")}
				c, err := Copy(t.Context(), l.e, s, func(string) {})
				g := got{err: err}
				if err == nil {
					g.rows, g.err = l.e.ExecOutput(t.Context(), c.Container, "psql", "-XqAt", "-U", "app", "-d", "postgres", "-c",
						"SELECT count(*) FILTER (WHERE n <= "+strconv.Itoa(before)+") || ' ' || (coalesce(max(n), 0) = count(*)) FROM t")
					g.err = errors.Join(g.err, Remove(context.WithoutCancel(t.Context()), l.e, s.Name))
				}
				both <- g
			}()
		}
		for range 2 {
			g := <-both
			if assert.NoError(t, g.err, "round %d", round) {
				assert.Equal(t, fmt.Sprintf("%d true", before), strings.TrimSpace(g.rows), "round %d: all rows of before, and no gap in those that came later", round)
			}
		}
	}
	let, err := l.e.ExecOutput(t.Context(), l.backup, "cat", "/tmp/let-go")
	require.NoError(t, err)
	stop()
	<-ended
	<-ended
	t.Logf("%s segments were let go meanwhile", strings.TrimSpace(let))
	require.NotEqual(t, "0", strings.TrimSpace(let), "nothing has moved, so nothing was shown")
}
