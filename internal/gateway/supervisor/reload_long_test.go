//go:build integration && long

package supervisor_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/testkit"
)

func TestPushedConfigurationServesAndSurvives(t *testing.T) {
	t.Parallel()
	g := start(t, nil)
	g.both("one", "blue")
	const from, to = `return 200 "ok\n";`, `return 200 "pushed\n";`
	body := func() string { return strings.TrimSpace(string(testkit.Get(t, g.url("/healthz")).Body)) }
	out, code := g.run(pushed(t, from, to), "gateway", "load")
	require.Zero(t, code, out)
	assert.Equal(t, "pushed", body())
	pushedNow := g.state().Pushed
	require.NotNil(t, pushedNow)

	// A switch keeps it, and so does another container with the same image.
	g.member("two", "backend-green", "frontend-green")
	g.until("green is there", func() bool { return g.healthy("backend-green") == 1 && g.healthy("frontend-green") == 1 })
	g.ok("gateway", "switch", "green")
	assert.Equal(t, "pushed", body())
	assert.Equal(t, "two", g.who("/x"))
	generation := g.state().Generation
	g.restart()
	assert.Equal(t, "pushed", body())
	g.until("the members are found", func() bool { return g.who("/x") == "two" && g.who("/api/x") == "two" })
	v := g.state()
	assert.EqualValues(t, "green", v.Active)
	assert.Equal(t, pushedNow.SHA256, v.Pushed.SHA256)
	assert.Greater(t, v.Generation, generation)

	// When it does not start any more, the image's own does.
	g.ok("sh", "-c", "cd /var/lib/gateway/conf/* && echo broken >> nginx.conf")
	g.restart()
	assert.Equal(t, "ok", body())
	assert.Contains(t, g.log(), "its files changed")

	_, code = g.run(pushed(t, from, to), "gateway", "load")
	require.Zero(t, code)
	g.ok("gateway", "load", "--reset")
	assert.Equal(t, "ok", body())
	assert.Nil(t, g.state().Pushed)

	// What it includes from elsewhere broke meanwhile: nginx refuses it, the image's serves.
	_, code = g.run(pushed(t, from, to, "include mime.types;", "include mime.types;\n    include /var/lib/gateway/extra*.conf;"), "gateway", "load")
	require.Zero(t, code)
	assert.Equal(t, "pushed", body())
	g.ok("sh", "-c", "echo broken > /var/lib/gateway/extra.conf")
	g.restart()
	assert.Equal(t, "ok", body())
	assert.Contains(t, g.log(), "the pushed configuration does not start; going on with the image's")

	// A damaged state is put aside, and the site comes up.
	g.ok("sh", "-c", "echo '{\"active\": \"gre' > /var/lib/gateway/state.json")
	g.restart()
	assert.EqualValues(t, "blue", g.state().Active)
	assert.Contains(t, g.log(), "the state cannot be read")
	assert.Contains(t, g.ok("sh", "-c", "cat /var/lib/gateway/state.json.damaged-*"), `{"active": "gre`)
}

// A configuration that passes `nginx -t` can still be one that no worker can live with:
// here each wants more memory than the container has.
func TestDyingWorkersAreRolledBack(t *testing.T) {
	t.Parallel()
	g := start(t, func(s *engine.Spec) { s.Memory = 128 << 20 })
	g.both("one", "blue")
	load := testkit.StartLoad(t, testkit.Load{URL: g.url("/x"), Workers: 2, Rate: 20, NewConnections: true, Timeout: 30 * time.Second})
	load.Reach(10)
	out, code := g.run(pushed(t, "worker_connections 512;", "worker_connections 8000000;"), "gateway", "load")
	assert.Equal(t, 1, code, out)
	assert.Regexp(t, `worker \d+ died|no worker that takes requests`, out)
	v := g.state()
	assert.Equal(t, 1, v.Generation)
	assert.Nil(t, v.Pushed)
	g.until("the workers of before are back", func() bool { return g.state().Workers.New == 2 })
	require.Equal(t, "one", g.who("/x"))
	res := load.Stop()
	assert.Zero(t, res.Failed, res.String())
	g.ok("gateway", "reload")
	assert.Equal(t, 3, g.state().Generation, "the failed one keeps its number")
}

// nginx does not mind a port that is taken while it checks a configuration, only when it
// is to use it.
func TestTakenPortIsRolledBack(t *testing.T) {
	t.Parallel()
	g := start(t, nil)
	g.both("one", "blue")
	out, code := g.run(pushed(t, "listen 8080 default_server;", "listen 8080 default_server;\n        listen 9180;"), "gateway", "load")
	assert.Equal(t, 1, code, out)
	assert.Contains(t, out, "generation 2 did not come up, generation 1 serves on")
	assert.Contains(t, out, "generation 1 answers")
	assert.Contains(t, g.log(), "bind() to 0.0.0.0:9180 failed")
	assert.Equal(t, "one", g.who("/x"))
	assert.Nil(t, g.state().Pushed)
	g.ok("gateway", "reload")
}

// Old workers with open streams piled up at each reload and ate the memory
// (bunkerity/bunkerweb 3153), or the streams were cut (kubernetes/ingress-nginx 2461).
func TestStreamSurvivesReloadsAndOldWorkersAreFew(t *testing.T) {
	t.Parallel()
	g := start(t, nil, "RELOAD_WATCH=0s", "MAX_OLD_WORKERS=3")
	g.both("one", "blue")
	const size = 64 << 20
	stream := func() io.ReadCloser {
		res, err := http.Get(g.url(fmt.Sprintf("/bytes/%d", size)))
		require.NoError(t, err)
		require.Equal(t, 200, res.StatusCode)
		_, err = io.CopyN(io.Discard, res.Body, 1<<20)
		require.NoError(t, err)
		return res.Body
	}
	one := stream()
	defer one.Close()
	for range 20 {
		g.ok("gateway", "reload")
		_, err := io.CopyN(io.Discard, one, 1<<20)
		require.NoError(t, err, "the stream goes on")
		assert.LessOrEqual(t, g.state().Workers.Old, 3)
	}
	rest, err := io.Copy(io.Discard, one)
	require.NoError(t, err)
	assert.EqualValues(t, size-21<<20, rest)
	g.until("its worker ends", func() bool { return g.state().Workers.Old == 0 })
	folders := strings.Fields(g.ok("ls", "/tmp/gateway/generations"))
	assert.Len(t, folders, 3)

	// A stream at each reload: each old worker has a reason to stay.
	for range 7 {
		s := stream()
		defer s.Close()
		g.ok("gateway", "reload")
	}
	g.until("there are no more than three", func() bool { return g.state().Workers.Old <= 3 })
	assert.Contains(t, g.log(), "ending the oldest worker of an earlier generation")
}

// A reload closed idle connections, and a POST that was just arriving was reset
// (nginx/nginx PR 437).
func TestHundredReloadsLoseNoRequest(t *testing.T) {
	t.Parallel()
	g := start(t, nil, "RELOAD_WATCH=0s")
	g.both("one", "blue")
	load := testkit.StartLoad(t, testkit.Load{URL: g.url("/api/x"), Method: "POST", Body: "body", Workers: 4, Rate: 100})
	load.Reach(50)
	out := g.ok("sh", "-c", "i=0; while [ $i -lt 100 ]; do i=$((i+1)); gateway reload || exit; done | wc -l")
	assert.Equal(t, "100", strings.TrimSpace(out))
	res := load.Stop()
	t.Log(res)
	assert.Zero(t, res.Failed, res.String())
	assert.Equal(t, 101, g.state().Generation)
}

func TestMaintenance(t *testing.T) {
	t.Parallel()
	g := start(t, nil)
	g.both("one", "blue")
	assert.Equal(t, "off\n", g.ok("gateway", "maintenance", "status"))
	g.ok("gateway", "maintenance", "on", "new", "disks")
	assert.Equal(t, 503, g.status("/x"))
	assert.Equal(t, 503, g.status("/api/x"))
	assert.Equal(t, 200, g.status("/healthz"))
	assert.Contains(t, g.ok("gateway", "healthy"), "healthy")
	assert.Equal(t, "on\n", g.ok("gateway", "maintenance", "status"))
	assert.True(t, g.state().Maintenance)
	g.restart()
	g.until("it is still on", func() bool { return g.status("/x") == 503 })
	g.ok("gateway", "maintenance", "off")
	g.ok("gateway", "maintenance", "off")
	g.until("it is over", func() bool { return g.status("/x") == 200 })
}

func TestSwitchAndCanary(t *testing.T) {
	t.Parallel()
	g := start(t, nil)
	g.both("one", "blue")
	out, code := g.run(nil, "gateway", "switch", "green")
	assert.Equal(t, 75, code, out)
	assert.Contains(t, out, "nobody is in the pool frontend-green")
	g.member("two", "backend-green", "frontend-green")
	g.until("green is there", func() bool { return g.healthy("backend-green") == 1 && g.healthy("frontend-green") == 1 })
	// nginx asks for the members once a second.
	g.until("green is asked", func() bool {
		out, _ := g.run(nil, "gateway", "get", "--preview", "/x")
		return strings.Contains(out, `"Name":"two"`)
	})
	assert.Contains(t, g.ok("gateway", "get", "/x"), `"Name":"one"`)

	out, code = g.run(nil, "gateway", "canary", "blue", "10")
	assert.Equal(t, 75, code, out)
	g.ok("gateway", "canary", "green", "50")
	seen := map[string]int{}
	for i := range 200 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.url("/x"), nil)
		require.NoError(t, err)
		req.Header.Set("User-Agent", fmt.Sprint("visitor ", i))
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		if strings.Contains(string(text), `"Name":"two"`) {
			seen["two"]++
		} else {
			seen["one"]++
		}
	}
	assert.InDelta(t, 100, seen["two"], 50)
	assert.Equal(t, 50, g.state().Canary.Percent)
	g.ok("gateway", "canary", "off")
	assert.Nil(t, g.state().Canary)

	load := testkit.StartLoad(t, testkit.Load{URL: g.url("/x"), Rate: 100})
	load.Reach(20)
	g.ok("gateway", "switch", "green")
	assert.Equal(t, "two", g.who("/x"), "when the command returns, the other colour serves")
	g.ok("gateway", "switch", "blue")
	assert.Equal(t, "one", g.who("/x"))
	res := load.Stop()
	assert.Zero(t, res.Failed, res.String())
}
