//go:build integration

package supervisor_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/testkit"
)

// killMaster ends nginx's master as a crash does.
const killMaster = `for p in /proc/[0-9]*; do if grep -q '^nginx: master' $p/cmdline 2>/dev/null; then kill -9 ${p#/proc/}; fi; done`

func TestNginxsDeathEndsTheContainer(t *testing.T) {
	t.Parallel()
	g := start(t, nil)
	g.run(nil, "sh", "-c", killMaster)
	c, err := g.engine.WaitExit(t.Context(), g.id)
	require.NoError(t, err)
	assert.Equal(t, 1, c.ExitCode)
	assert.Contains(t, g.log(), "nginx ended by itself: signal: killed")
}

func TestRequestsInFlightFinish(t *testing.T) {
	t.Parallel()
	for _, signal := range []string{"TERM", "QUIT"} {
		g := start(t, nil)
		g.both("one", "blue")
		status := make(chan int, 1)
		go func() {
			res, err := http.Get(g.url("/sleep/2s"))
			if err != nil {
				status <- 0
				return
			}
			res.Body.Close()
			status <- res.StatusCode
		}()
		g.until("the request is under way", func() bool { return g.ok("sh", "-c", "cat /proc/net/tcp | grep -c ':1F90 .* 01 ' || true") != "0\n" })
		require.NoError(t, g.engine.Kill(t.Context(), g.id, signal))
		assert.Equal(t, 200, <-status, signal)
		c, err := g.engine.WaitExit(t.Context(), g.id)
		require.NoError(t, err)
		assert.Zero(t, c.ExitCode, signal)
	}
}

func TestRefusesToStart(t *testing.T) {
	t.Parallel()
	ended := func(s engine.Spec) (engine.Container, string) {
		id := testkit.Start(t, s)
		c, err := testkit.Engine(t).WaitExit(t.Context(), id)
		require.NoError(t, err)
		return c, (&gateway{t: t, engine: testkit.Engine(t), id: id}).log()
	}
	c, log := ended(engine.Spec{Image: gatewayImage(t), Env: []string{
		"ACTIVE_COLOUR=red", "BACKEND_PORT=0", "STOP_TIMEOUT=forever", "MAX_OLD_WORKERS=-1", "RELOAD_WATCH=2"}})
	assert.Equal(t, 64, c.ExitCode)
	for _, name := range []string{"ACTIVE_COLOUR", "BACKEND_PORT", "STOP_TIMEOUT", "MAX_OLD_WORKERS", "RELOAD_WATCH"} {
		assert.Contains(t, log, name, "all problems at once")
	}
	c, log = ended(engine.Spec{Image: gatewayImage(t), Cmd: []string{"serve"}})
	assert.Equal(t, 64, c.ExitCode)
	assert.Contains(t, log, "gateway maintenance on [REASON] | off | status")

	// The image's own configuration is broken: nginx says why, and where.
	e := testkit.Engine(t)
	s := engine.Spec{Image: gatewayImage(t), Name: testkit.Name(t, "broken"), Labels: testkit.Labels(t)}
	id, err := e.Create(t.Context(), s)
	require.NoError(t, err)
	conf, err := engine.Tar(engine.File{Name: "nginx.conf", Mode: 0o644, Data: []byte("events {\n    worker_conections 1;\n}\n")})
	require.NoError(t, err)
	require.NoError(t, e.CopyTo(t.Context(), id, "/etc/nginx", conf))
	require.NoError(t, e.Start(t.Context(), id))
	c, err = e.WaitExit(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, 78, c.ExitCode)
	log = (&gateway{t: t, engine: e, id: id}).log()
	assert.Contains(t, log, `unknown directive "worker_conections" in nginx.conf:2`)
	assert.Contains(t, log, ">    2 |     worker_conections 1;")
}
