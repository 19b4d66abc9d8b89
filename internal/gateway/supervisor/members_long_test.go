//go:build integration && long

package supervisor_test

import (
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/testkit"
)

func TestStartsWithoutNetwork(t *testing.T) {
	t.Parallel()
	c := testkit.Container(t, func() engine.Spec {
		s := spec(t, "")
		s.Attach, s.Publish, s.Mounts = nil, nil, nil
		return s
	}())
	g := &gateway{t: t, engine: testkit.Engine(t), id: c.ID}
	out, code := g.run(nil, "gateway", "get", "/api/x")
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "503 Service")
	assert.Contains(t, g.log(), "the state is kept in memory only")
	out, code = g.run(nil, "gateway", "switch", "green")
	assert.Equal(t, 75, code, out)
	assert.Contains(t, out, "nobody is in the pool backend-green")
	g.ok("gateway", "switch", "green", "--force")
	assert.Contains(t, g.ok("gateway", "state"), "green is active")
	assert.Contains(t, g.ok("gateway", "test"), "test is successful")
	g.ok("sh", "-c", "test -p /tmp/gateway/requests.pipe && ! ls -d /tmp/gateway/test-*")
}

// Two containers were made anew, swapped their addresses, and requests reached the wrong
// one (medic/cht-core 8205, bytedance/deer-flow 1516).
func TestSwappedAddresses(t *testing.T) {
	t.Parallel()
	g := start(t, nil)
	a, b := g.member("backend", "backend-blue"), g.member("frontend", "frontend-blue")
	g.until("both answer", func() bool { return g.who("/api/x") == "backend" && g.who("/x") == "frontend" })
	addrA, _ := a.Address(g.network)
	addrB, _ := b.Address(g.network)
	require.NoError(t, g.engine.Remove(t.Context(), a.ID))
	require.NoError(t, g.engine.Remove(t.Context(), b.ID))
	b, a = g.member("frontend-2", "frontend-blue"), g.member("backend-2", "backend-blue")
	nowA, _ := a.Address(g.network)
	nowB, _ := b.Address(g.network)
	require.Equal(t, addrA, nowB, "the test proves something only if they swapped")
	require.Equal(t, addrB, nowA)
	g.until("both answer", func() bool { return g.who("/api/x") == "backend-2" && g.who("/x") == "frontend-2" })
	for range 50 {
		require.Equal(t, "backend-2", g.who("/api/x"))
		require.Equal(t, "frontend-2", g.who("/x"))
	}
}

func TestThreeMembersShareEvenly(t *testing.T) {
	t.Parallel()
	g := start(t, nil)
	names := []string{"a", "b", "c"}
	for _, n := range names {
		g.member(n, "backend-blue")
	}
	g.until("all are healthy", func() bool { return g.healthy("backend-blue") == 3 })
	g.until("nginx asks all", func() bool {
		seen := map[string]bool{}
		for range 9 {
			seen[g.who("/api/x")] = true
		}
		return len(seen) == 3
	})
	const total = 600
	counts := map[string]int{}
	for range total {
		counts[g.who("/api/x")]++
	}
	chi := 0.0
	for _, n := range names {
		chi += math.Pow(float64(counts[n])-total/3, 2) / (total / 3)
	}
	// Two degrees of freedom: an even spread is above it once in a thousand times.
	assert.Less(t, chi, 13.82, "%v", counts)
	assert.Len(t, counts, 3)
}

// On an internal network Docker's name server answers SERVFAIL for names that it does
// not know, as it does when it fails. A member that is gone must still be forgotten.
func TestForgetsOnAnInternalNetwork(t *testing.T) {
	t.Parallel()
	network := testkit.Network(t, true).Name
	s := spec(t, network)
	s.Publish = nil
	g := &gateway{t: t, engine: testkit.Engine(t), network: network, id: testkit.Container(t, s).ID}
	asks := func(name string) func() bool {
		return func() bool {
			out, _ := g.run(nil, "gateway", "get", "/api/x")
			return strings.Contains(out, name)
		}
	}
	g.until("nobody is there", asks("503 Service"))
	member := g.member("one", "backend-blue")
	g.until("it comes", asks(`"Name":"one"`))
	require.NoError(t, g.engine.Remove(t.Context(), member.ID))
	g.until("it is forgotten", asks("503 Service"))
	assert.Contains(t, g.ok("gateway", "state"), "backend-blue    empty")
}

func TestPublicPortChangesNothing(t *testing.T) {
	t.Parallel()
	g := start(t, nil)
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH"} {
		for _, path := range []string{"/state", "/switch?colour=green&force=true", "/reload", "/load", "/maintenance?on=true", "/metrics"} {
			req, err := http.NewRequestWithContext(t.Context(), method, "http://"+g.admin+path, strings.NewReader("x"))
			require.NoError(t, err)
			res, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			assert.Equal(t, 405, res.StatusCode, "%s %s", method, path)
		}
	}
	assert.Equal(t, 404, testkit.Get(t, "http://"+g.admin+"/switch?colour=green&force=true").Status)
	assert.Equal(t, 404, testkit.Get(t, "http://"+g.admin+"/maintenance").Status)
	v := g.state()
	assert.EqualValues(t, "blue", v.Active)
	assert.Equal(t, 1, v.Generation)
	assert.Equal(t, 200, testkit.Get(t, "http://"+g.admin+"/healthz").Status)
}

// One of three is killed under load: requests that may be sent twice are, and none is lost.
func TestKilledMemberLosesNoRequest(t *testing.T) {
	t.Parallel()
	g := start(t, nil)
	g.member("a", "backend-blue")
	g.member("b", "backend-blue")
	killed := g.member("c", "backend-blue")
	g.until("all are healthy", func() bool { return g.healthy("backend-blue") == 3 })
	g.until("nginx asks it", func() bool { return g.who("/api/x") == "c" })
	load := testkit.StartLoad(t, testkit.Load{URL: g.url("/api/x"), Rate: 100, Workers: 16})
	load.Reach(100)
	testkit.Kill(t, killed.ID)
	g.until("it is forgotten", func() bool { return g.healthy("backend-blue") == 2 })
	sent := load.Reach(0)
	load.Reach(sent + 200)
	res := load.Stop()
	assert.Zero(t, res.Failed, res.String())
}
