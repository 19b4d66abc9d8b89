//go:build integration

package gateway_test

import (
	"fmt"
	"math"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/gateway"
	"drydock/internal/run"
	"drydock/internal/testkit"
)

// twoReleases has an application of each kind in each colour, named by it.
func twoReleases(t *testing.T, options ...string) *site {
	t.Helper()
	s := newSite(t, options...)
	for _, colour := range []string{"blue", "green"} {
		s.app("backend-"+colour, colour)
		s.app("frontend-"+colour, colour)
	}
	for _, colour := range []string{"blue", "green"} {
		s.members("backend-"+colour, 1)
		s.members("frontend-"+colour, 1)
	}
	s.until("blue serves", func() bool { return s.identity("/api/x") == "blue" && s.identity("/") == "blue" })
	s.until("green can be seen", func() bool {
		api, err1 := s.preview("/api/x")
		page, err2 := s.preview("/")
		return err1 == nil && err2 == nil && api.echo().ID == "green" && page.echo().ID == "green"
	})
	return s
}

// A switch loses no request, and from its moment on a client gets both applications of
// the new release: on a new connection, and on one that it had before.
func TestSwitchIsOneMoment(t *testing.T) {
	t.Parallel()
	s := twoReleases(t)
	load := testkit.StartLoad(t, testkit.Load{URL: s.url("/api/x"), Method: "POST", Body: "body", Rate: 100, Workers: 16,
		Check: func(status int, _ http.Header, _ []byte) error {
			if status != 200 {
				return fmt.Errorf("status %d", status)
			}
			return nil
		}})
	who := func(c *http.Client, path string) string {
		res, err := c.Get(s.url(path))
		r, err := read(res, err)
		require.NoError(t, err)
		return r.echo().ID
	}
	colours := []string{"green", "blue"}
	for i := range 4 {
		// Clients that keep a connection open, as a browser does.
		var clients []*http.Client
		for range 6 {
			c := s.client()
			require.Equal(t, colours[(i+1)%2], who(c, "/"))
			clients = append(clients, c)
		}
		s.run("switch", colours[i%2])
		for _, c := range clients {
			assert.Equal(t, colours[i%2], who(c, "/api/x"), "round %d", i)
			assert.Equal(t, colours[i%2], who(c, "/"), "round %d", i)
		}
		assert.Equal(t, colours[i%2], who(s.client(), "/"), "round %d", i)
	}
	result := load.Stop()
	assert.Zero(t, result.Failed, "%s", result)

	// What a killed deploy has asked for comes too late when another has taken over.
	live := gateway.Live{Engine: testkit.Engine(t), Container: s.gateway}
	turn, err := live.TakeTurn(t.Context())
	require.NoError(t, err)
	killed := live
	killed.Turn = turn
	live.Turn, err = live.TakeTurn(t.Context())
	require.NoError(t, err)
	_, err = killed.Switch(t.Context(), "green")
	require.ErrorContains(t, err, "somebody else has taken over; nothing was changed")
	assert.Equal(t, run.CodeBusy, run.Code(err))
	assert.EqualValues(t, "blue", s.state().Active)
	_, err = live.Switch(t.Context(), "green")
	require.NoError(t, err)
}

func TestSwitchToNobodyIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.both()
	for _, words := range [][]string{{"switch", "green"}, {"canary", "green", "10"}} {
		_, err := tryDocker(append([]string{"exec", s.gateway, "gateway"}, words...)...)
		assert.ErrorContains(t, err, "exit status 75", "%v", words)
		assert.ErrorContains(t, err, "nobody is in the pool", "%v", words)
	}
	assert.Equal(t, "backend", s.identity("/api/x"))
	assert.EqualValues(t, "blue", s.state().Active)
}

// A canary gets about its part of the clients, and each client stays with its release,
// so that no page meets the other one's API.
func TestCanaryIsSticky(t *testing.T) {
	t.Parallel()
	s := twoReleases(t)
	s.run("canary", "green", "25")
	const clients = 400
	var mu sync.Mutex
	counts := map[string]int{}
	release := map[int]string{}
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := worker; i < clients; i += 4 {
				agent := map[string]string{"User-Agent": fmt.Sprintf("client %d", i)}
				first := ""
				for _, path := range []string{"/", "/api/x", "/deep/link", "/assets/x"} {
					r, err := s.try("GET", path, agent, "")
					if !assert.NoError(t, err) {
						return
					}
					got := r.echo().ID
					if first == "" {
						first = got
					}
					assert.Equal(t, first, got, "client %d: %s", i, path)
				}
				mu.Lock()
				counts[first]++
				release[i] = first
				mu.Unlock()
			}
		})
	}
	all.Wait()
	// Four standard deviations: one of 16,000 runs is out of them.
	expected := 0.25 * clients
	assert.InDelta(t, expected, counts["green"], 4*math.Sqrt(expected*0.75), "%v", counts)
	assert.Equal(t, clients, counts["green"]+counts["blue"])

	// More of a canary takes no client back.
	s.run("canary", "green", "50")
	moved := 0
	for i := range 60 {
		r := s.do("GET", "/api/x", map[string]string{"User-Agent": fmt.Sprintf("client %d", i)}, "")
		if release[i] == "green" {
			assert.Equal(t, "green", r.echo().ID, "client %d", i)
		} else if r.echo().ID == "green" {
			moved++
		}
	}
	assert.Positive(t, moved)

	s.run("canary", "off")
	for i := range 60 {
		assert.Equal(t, "blue", s.do("GET", "/", map[string]string{"User-Agent": fmt.Sprintf("client %d", i)}, "").echo().ID)
	}
	s.run("switch", "green")
	s.until("green serves", func() bool { return s.identity("/") == "green" })
}
