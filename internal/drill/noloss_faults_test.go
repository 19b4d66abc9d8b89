//go:build integration && faults

package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
)

// A live stack whose commits wait for the backup service is drilled while it is written to: the
// drill needs what only the receiver has, next to which the receiver goes on, and takes nothing
// from the live side but time.
func TestADrillBesideAReceiverThatIsWaitedFor(t *testing.T) {
	l := newLab(t, "RPO=zero", "DRILL_MAX_LOSS=15s")
	d := l.settings.Database
	ask := func(project, sql string) string {
		out, err := l.engine.ExecOutput(t.Context(), l.database(project), "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", d.User, "-d", d.Name, "-c", sql)
		require.NoError(t, err, out)
		return strings.TrimSpace(out)
	}
	const waitedFor = "SELECT sync_state FROM pg_stat_replication WHERE application_name = 'drydock_receive'"
	live := l.settings.Project
	require.EventuallyWithT(t, func(c *assert.CollectT) { assert.Equal(c, "sync", ask(live, waitedFor)) }, 2*time.Minute, 200*time.Millisecond)
	var out bytes.Buffer
	require.NoError(t, l.remote(&out).Copy(t.Context(), "full"))

	// Beside all of it somebody writes, and ends a segment with every few commits.
	ctx, stop := context.WithCancel(t.Context())
	type work struct {
		commits int
		slowest time.Duration
		err     error
	}
	done := make(chan work, 1)
	db := l.database(live)
	go func() {
		var w work
		for ctx.Err() == nil && w.err == nil {
			begin := time.Now()
			var said string
			said, w.err = l.engine.ExecOutput(t.Context(), db, "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", d.User, "-d", d.Name,
				"-c", "INSERT INTO notes (title, body) VALUES ('live', 'text')", "-c", "SELECT CASE WHEN random() < 0.2 THEN pg_switch_wal() END")
			if w.err == nil {
				w.commits, w.slowest = w.commits+1, max(w.slowest, time.Since(begin))
			} else {
				t.Log(said)
			}
		}
		done <- w
	}()
	made := ask(live, "SELECT clock_timestamp()")
	require.Eventually(t, func() bool {
		return ask(live, "SELECT at > timestamptz '"+made+"' + interval '6 s' FROM drydock.heartbeat") == "t"
	}, time.Minute, 200*time.Millisecond, "a moment to go back to, between the backup and the drill")
	var evidence bytes.Buffer
	inside := ""
	exercise := &Drill{Settings: l.settings, Engine: l.engine, Out: &evidence, Err: os.Stderr, Labels: l.labels, hook: func(step string) {
		if step == "physical: checking every index and table" {
			list, err := l.engine.Containers(t.Context(), engine.Filter{Names: []string{live + scratchSuffix + "-physical"}, States: []engine.State{engine.Running}})
			if assert.NoError(t, err) && assert.Len(t, list, 1) {
				inside, err = l.engine.ExecOutput(t.Context(), list[0].ID, "psql", "-XqAt", "-U", d.User, "-d", d.Name, "-c",
					"SHOW synchronous_standby_names", "-c", "SELECT count(*) FROM pg_replication_slots", "-c", "SELECT count(*) > 500 FROM notes")
				assert.NoError(t, err)
			}
		}
	}}
	settings := *l.settings
	settings.Options.Format = "json"
	exercise.Settings = &settings
	err := exercise.Run(t.Context())
	stop()
	w := <-done
	require.NoError(t, err, evidence.String())
	require.NoError(t, w.err)

	var e Evidence
	require.NoError(t, json.Unmarshal(evidence.Bytes(), &e))
	require.Len(t, e.Parts, 2)
	physical := e.Parts[1]
	require.Equal(t, "physical", physical.Name)
	for _, c := range physical.Checks {
		assert.NotContains(t, c.Detail, "left out", c.Name)
	}
	t.Logf("lost %.1f s; %d commits beside it, the slowest took %s", physical.Loss.Seconds, w.commits, w.slowest.Round(time.Millisecond))
	assert.Equal(t, "heartbeat", physical.Loss.By)
	assert.Equal(t, []string{"0", "t"}, strings.Fields(inside), "what came back waits for nobody, and keeps its log for nobody")
	assert.Greater(t, w.commits, 20)
	assert.Less(t, w.slowest, 10*time.Second, "no commit has waited for the drill")
	assert.Equal(t, "sync", ask(live, waitedFor))
	assert.Equal(t, "1", ask(live, "SELECT count(*) FROM pg_replication_slots"))
	out.Reset()
	require.NoError(t, l.remote(&out).List(t.Context()))
	assert.NotContains(t, out.String(), "DEGRADED")
}
