//go:build integration

package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/testkit"
)

// three starts three backends and waits until each of them answers.
func three(s *site) map[string]string {
	s.t.Helper()
	ids := map[string]string{}
	for i := range 3 {
		name := fmt.Sprintf("backend-%d", i)
		ids[name] = s.app("backend-blue", name)
	}
	s.members("backend-blue", 3)
	s.until("all three answer", func() bool {
		seen := map[string]bool{}
		for range 12 {
			seen[s.identity("/api/x")] = true
		}
		return seen["backend-0"] && seen["backend-1"] && seen["backend-2"]
	})
	return ids
}

// The machine that tests run on may be busy, and whom that holds up gets less from least_conn,
// as it should: so one of three tries decides.
func TestLoadIsSpreadEvenly(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	three(s)
	var tries []map[string]int
	for range 3 {
		counts := spread(s)
		require.Len(t, counts, 3)
		if unevenness(counts) < 13.82 { // the chi-square distribution with two degrees of freedom exceeds it in one of 1000 cases
			return
		}
		tries = append(tries, counts)
	}
	t.Errorf("requests went to the members as %v", tries)
}

// spread counts who answers some clients.
func spread(s *site) map[string]int {
	s.t.Helper()
	const clients, each = 6, 150
	var mu sync.Mutex
	counts := map[string]int{}
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			c := s.client()
			for range each {
				res, err := c.Get(s.url("/api/x"))
				if !assert.NoError(s.t, err) {
					return
				}
				r, err := read(res, nil)
				assert.NoError(s.t, err)
				mu.Lock()
				counts[r.echo().ID]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return counts
}

// unevenness is chi-square against equal parts.
func unevenness(counts map[string]int) (chi float64) {
	sum := 0
	for _, n := range counts {
		sum += n
	}
	expected := float64(sum) / float64(len(counts))
	for _, n := range counts {
		chi += (float64(n) - expected) * (float64(n) - expected) / expected
	}
	return chi
}

// Killing one of three loses no request that may be repeated, and one that hangs leaves
// the pool within three seconds. It comes back with a new address as soon.
func TestMembersFail(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ids := three(s)
	load := testkit.StartLoad(t, testkit.Load{URL: s.url("/api/x"), Rate: 60, Workers: 32, Timeout: 20 * time.Second})
	load.Reach(60)
	docker(t, "kill", ids["backend-0"])
	load.Reach(240)
	result := load.Stop()
	assert.Zero(t, result.Failed, "%s", result)

	// Once it is out, nobody waits for the hung one any more.
	within(t, 3*time.Second, "the hung member left", func() time.Duration {
		docker(t, "kill", "--signal", "STOP", ids["backend-1"])
		began := time.Now()
		s.until("nobody asks the hung one", func() bool {
			for range 6 {
				if s.soon() != "backend-2" {
					return false
				}
			}
			return true
		})
		took := time.Since(began)
		docker(t, "kill", "--signal", "CONT", ids["backend-1"])
		s.until("it is back", func() bool { return s.soon() == "backend-1" })
		return took
	})

	within(t, 3*time.Second, "the new address serves", func() time.Duration {
		docker(t, "rm", "--force", ids["backend-0"])
		s.app("other", "placeholder") // takes the former address
		ids["backend-0"] = s.app("backend-blue", "backend-0")
		began := time.Now()
		s.until("it serves", func() bool { return s.soon() == "backend-0" })
		return time.Since(began)
	})
}

// soon is who answers a request within half a second.
func (s *site) soon() string {
	c := &http.Client{Timeout: 500 * time.Millisecond, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := read(c.Get(s.url("/api/x")))
	if err != nil {
		return ""
	}
	return r.echo().ID
}

// within tries something that must not take longer than limit. The machine that tests
// run on may be busy, so that one of three tries decides.
func within(t *testing.T, limit time.Duration, what string, try func() time.Duration) {
	t.Helper()
	var took []time.Duration
	for range 3 {
		took = append(took, try())
		if took[len(took)-1] <= limit {
			return
		}
	}
	t.Errorf("%s after %v, expected %s at most", what, took, limit)
}

// Another member is asked when one fails, but nothing that may not be repeated is ever sent twice.
func TestRetriesOnlyWhatIsSafe(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.app("backend-blue", "good")
	s.app("backend-blue", "bad", "--env", "FAULT=reset")
	s.until("the good one is a member", func() bool { return s.identity("/api/x") == "good" })
	refused := map[string]bool{}
	for _, method := range []string{"POST", "PATCH"} {
		n := 0
		s.until(method+" fails, so both are asked", func() bool {
			body := method + "-" + randomHex(4)
			if s.do(method, "/api/x", nil, body).status == 502 {
				refused[body] = true
				n++
			}
			return n >= 2
		})
	}
	for i := range 40 {
		require.Equal(t, 200, s.do("GET", "/api/x", nil, "").status, "GET %d", i)
		require.Equal(t, 200, s.do("DELETE", "/api/x", nil, "").status, "DELETE %d", i)
	}
	var seen []string
	s.until("the good one answers", func() bool {
		r, err := s.try("GET", "/api/seen", nil, "")
		return err == nil && r.status == 200 && json.Unmarshal([]byte(r.body), &seen) == nil
	})
	for _, body := range seen {
		assert.False(t, refused[body], "%s was answered with an error and carried out", body)
	}
}

// A member that has got a request and is silent may be carrying it out.
func TestWhatTimesOutIsNotSentAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--env", "BACKEND_TIMEOUT=1s")
	ids := []string{s.app("backend-blue", "one"), s.app("backend-blue", "two")}
	s.members("backend-blue", 2)
	times := func(what string) (n int) {
		for _, id := range ids {
			var seen []string
			require.NoError(t, json.Unmarshal(testkit.Get(t, "http://"+s.address(id)+":8080/seen").Body, &seen))
			for _, one := range seen {
				if one == what {
					n++
				}
			}
		}
		return n
	}
	for _, method := range []string{"POST", "PATCH"} {
		body := method + "-" + randomHex(4)
		assert.Equal(t, 504, s.do(method, "/api/x?wait=8s", nil, body).status, method)
		assert.Equal(t, 1, times(body), "%s", method)
	}
	// HTTP lets a PUT be repeated (RFC 9110, 9.2.2); what is looked at here would show it.
	target := "/api/x?wait=8s&n=" + randomHex(4)
	assert.Equal(t, 504, s.do("PUT", target, nil, "").status)
	assert.Equal(t, 2, times(target))
}
