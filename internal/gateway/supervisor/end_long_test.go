//go:build integration && long

package supervisor_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/testkit"
)

func TestRestartsAfterNginxsDeath(t *testing.T) {
	t.Parallel()
	g := start(t, func(s *engine.Spec) { s.Restart = "on-failure" })
	g.run(nil, "sh", "-c", killMaster)
	c, err := g.engine.WaitFor(t.Context(), g.id, "healthy after a restart", func(c engine.Container) (bool, error) {
		return c.Restarts > 0 && c.Health == engine.Healthy, nil
	})
	require.NoError(t, err)
	g.found(c)
	assert.Equal(t, 503, g.status("/x"))
}

// Who stands still is the supervisor, not the site: nginx goes on with the members that it
// knows. Afterwards nobody is blamed for the silence.
func TestHungSupervisorDoesNotStopTheSite(t *testing.T) {
	t.Parallel()
	g := start(t, nil)
	g.both("one", "blue")
	load := testkit.StartLoad(t, testkit.Load{URL: g.url("/api/x"), Rate: 100, Workers: 8})
	load.Reach(50)
	testkit.Signal(t, g.id, "STOP")
	load.Reach(load.Reach(0) + 500) // 5 s: several times what nginx keeps an address for
	testkit.Signal(t, g.id, "CONT")
	g.until("it counts again", func() bool {
		text := string(testkit.Get(t, "http://"+g.admin+"/metrics").Body)
		return strings.Contains(text, `drydock_gateway_requests_total{class="2xx",colour="blue",route="api"}`)
	})
	res := load.Stop()
	assert.Zero(t, res.Failed, res.String())
	assert.NotContains(t, g.log(), "no answer", "the member was not to blame")
	assert.Equal(t, 1, g.healthy("backend-blue"))
}

// Process 1 inherits the children of processes that ended, and has to see them off.
func TestLeavesNoZombies(t *testing.T) {
	t.Parallel()
	g := start(t, nil)
	const zombies = `grep -l '^State:.*Z' /proc/[0-9]*/status 2>/dev/null | wc -l`
	for range 5 {
		g.ok("sh", "-c", "sleep 0.1 & sleep 0.2 & exit 0")
	}
	g.until("they are gone", func() bool { return strings.TrimSpace(g.ok("sh", "-c", zombies)) == "0" })
	g.ok("gateway", "reload") // our own children still report to those who wait for them
}

func TestStopIsBounded(t *testing.T) {
	t.Parallel()
	hang := func(g *gateway) {
		g.both("one", "blue")
		go func() {
			if res, err := http.Get(g.url("/sleep/5m")); err == nil {
				res.Body.Close()
			}
		}()
		g.until("the request is under way", func() bool { return g.ok("sh", "-c", "cat /proc/net/tcp | grep -c ':1F90 .* 01 ' || true") != "0\n" })
	}
	g := start(t, nil, "STOP_TIMEOUT=1s")
	hang(g)
	require.NoError(t, g.engine.Kill(t.Context(), g.id, "TERM"))
	c, err := g.engine.WaitExit(t.Context(), g.id)
	require.NoError(t, err)
	assert.Zero(t, c.ExitCode)

	g = start(t, nil, "STOP_TIMEOUT=10m")
	hang(g)
	require.NoError(t, g.engine.Kill(t.Context(), g.id, "TERM"))
	require.Never(t, func() bool {
		c, err := g.engine.Container(t.Context(), g.id)
		return err != nil || c.State != engine.Running
	}, time.Second, 100*time.Millisecond, "the first signal waits")
	require.NoError(t, g.engine.Kill(t.Context(), g.id, "TERM"))
	c, err = g.engine.WaitExit(t.Context(), g.id)
	require.NoError(t, err)
	assert.Zero(t, c.ExitCode)
}
