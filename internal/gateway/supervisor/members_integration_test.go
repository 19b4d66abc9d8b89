//go:build integration

package supervisor_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/testkit"
)

// nginx exited, or `nginx -t` failed, because an upstream's name did not resolve yet
// (nginx/docker-nginx 127, 669); one missing name kept all else from starting
// (NginxProxyManager 2359).
func TestStartsEmptyAndTakesMembersIn(t *testing.T) {
	t.Parallel()
	g := start(t, nil)
	assert.Equal(t, 503, g.status("/api/x"))
	assert.Equal(t, 503, g.status("/"))
	assert.Equal(t, 200, g.status("/healthz"))
	began := g.state().Generation

	g.both("one", "blue")
	assert.Equal(t, began, g.state().Generation, "members come without a reload")
}

// within tries something that must not take longer than limit. The machine that tests
// run on may be busy, so that one of three tries decides.
func within(t *testing.T, limit time.Duration, what string, try func() time.Duration) {
	t.Helper()
	var took []time.Duration
	for range 3 {
		d := try()
		took = append(took, d)
		t.Logf("%s: %s", what, d.Round(time.Millisecond))
		if d <= limit {
			return
		}
	}
	t.Errorf("%s took %v, expected %s at most", what, took, limit)
}

func TestHungMemberLeavesAndReturns(t *testing.T) {
	t.Parallel()
	g := start(t, nil)
	hung := g.member("hung", "backend-blue")
	g.member("good", "backend-blue")
	g.until("both are healthy", func() bool { return g.healthy("backend-blue") == 2 })
	both := func() bool {
		seen := map[string]bool{}
		for range 6 {
			seen[g.who("/api/x")] = true
		}
		return seen["hung"] && seen["good"]
	}
	g.until("nginx asks both", both)
	within(t, 3*time.Second, "a hung member is out of nginx", func() time.Duration {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		testkit.Signal(t, hung.ID, "STOP")
		stopped := time.Now()
		// Requests that begin 50 ms apart; the last one that met the hung member decides.
		var mu sync.Mutex
		var last time.Time
		var requests sync.WaitGroup
		for time.Since(stopped) < 5*time.Second {
			began := time.Now()
			requests.Go(func() {
				if who(ctx, g.url("/api/x"), 700*time.Millisecond) != "good" {
					mu.Lock()
					defer mu.Unlock()
					if began.After(last) {
						last = began
					}
				}
			})
			time.Sleep(50 * time.Millisecond) // the rate of the load
		}
		requests.Wait()
		testkit.Signal(t, hung.ID, "CONT")
		g.until("it is back", both)
		return last.Sub(stopped)
	})
}

// A backend that was made anew got 502 for ever (NginxProxyManager 5602); nginx went on
// dialling a removed container (wowu/docker-rollout 14, 30).
func TestRecreatedMemberComesBack(t *testing.T) {
	t.Parallel()
	g := start(t, nil)
	old := g.member("old-0", "backend-blue", "frontend-blue")
	g.until("it answers", func() bool { return g.who("/api/x") == "old-0" })
	within(t, 3*time.Second, "a member with another address is in nginx", func() time.Duration {
		address := func(c engine.Container) string {
			a, ok := c.Address(g.network)
			require.True(t, ok)
			return a.String()
		}
		was := address(old)
		require.NoError(t, g.engine.Remove(t.Context(), old.ID))
		g.member("in the way", "nobody") // takes the address
		name := "new-" + time.Now().Format("150405.000")
		old = g.member(name, "backend-blue", "frontend-blue")
		began := time.Now()
		require.NotEqual(t, was, address(old))
		g.until("it answers", func() bool { return g.who("/api/x") == name && g.who("/x") == name })
		return time.Since(began)
	})
}

// An ill one gets nothing while others are well; when all are ill they are asked all
// the same.
func TestUnhealthyMembers(t *testing.T) {
	t.Parallel()
	g := start(t, nil)
	ill := g.member("ill", "backend-blue")
	g.member("good", "backend-blue")
	g.until("both are healthy", func() bool { return g.healthy("backend-blue") == 2 })
	ask := func(c engine.Container, path string) {
		t.Helper()
		a, ok := c.Address(g.network)
		require.True(t, ok)
		require.Equal(t, 200, testkit.Get(t, "http://"+a.String()+":8080"+path).Status)
	}
	ask(ill, "/health/down")
	g.until("one is out", func() bool { return g.healthy("backend-blue") == 1 })
	g.until("nginx knows", func() bool {
		for range 6 {
			if g.who("/api/x") != "good" {
				return false
			}
		}
		return true
	})
	for _, p := range g.state().Pools {
		for _, m := range p.Members {
			if !m.Healthy {
				assert.Equal(t, "GET /healthz: status 503", m.Error)
			}
		}
	}
	ask(ill, "/health/up")
	g.until("it is back", func() bool { return g.healthy("backend-blue") == 2 })
}

func TestMetricsAndWindow(t *testing.T) {
	t.Parallel()
	g := start(t, nil)
	g.both("one", "blue")
	for range 20 {
		require.Equal(t, 200, g.status("/api/x"))
	}
	require.Equal(t, 500, g.status("/status/500"))
	var text string
	g.until("the requests are counted", func() bool {
		text = string(testkit.Get(t, "http://"+g.admin+"/metrics").Body)
		return strings.Contains(text, `drydock_gateway_requests_total{class="5xx",colour="blue",route="page"} 1`)
	})
	for _, want := range []string{
		`drydock_gateway_pool_members{pool="backend-blue",state="healthy"} 1`, `drydock_gateway_generation 1`,
		`drydock_gateway_active{colour="blue"} 1`, `drydock_gateway_workers{age="new"} 2`, `drydock_gateway_nginx_up 1`,
		`drydock_gateway_request_lines_dropped_total 0`, `drydock_gateway_request_duration_seconds_bucket{colour="blue",route="api",le="0.001"}`,
		`drydock_gateway_probes_total{outcome="good",pool="backend-blue"}`,
	} {
		assert.Contains(t, text, want)
	}
	assert.NotContains(t, text, `drydock_gateway_requests_total{class="2xx",colour="blue",route="api"} 1`+"\n")
	out := g.ok("gateway", "window", "--colour=blue", "--seconds=300")
	assert.Contains(t, out, `"errors": 1`)
	assert.Contains(t, g.ok("gateway", "window", "--colour=green"), `"requests": 0`)
	out, code := g.run(nil, "gateway", "window", "--seconds=0")
	assert.Equal(t, 64, code, out)
}
