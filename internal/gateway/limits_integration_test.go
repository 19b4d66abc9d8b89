//go:build integration

package gateway_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// statuses sends n requests at once and counts the answers.
func (s *site) statuses(n int, target string) map[int]int {
	s.t.Helper()
	var mu sync.Mutex
	counts := map[int]int{}
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			r, err := s.try("GET", target, nil, "")
			if assert.NoError(s.t, err) {
				mu.Lock()
				counts[r.status]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return counts
}

func assertTooMany(t *testing.T, page, api response) {
	t.Helper()
	assert.Equal(t, 429, page.status)
	assert.Contains(t, page.header.Get("Content-Type"), "text/html")
	assert.Contains(t, page.body, "Too many requests")
	assertSecure(t, "429 of a page", page)
	assert.Equal(t, 429, api.status)
	code, message, _ := api.failure()
	assert.Equal(t, "too_many_requests", code)
	assert.Contains(t, message, "Too many requests")
	assertSecure(t, "429 under /api", api)
	for _, r := range []response{page, api} {
		assert.Equal(t, []string{"1"}, r.header.Values("Retry-After"))
		assert.Equal(t, []string{"no-store"}, r.header.Values("Cache-Control"))
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--env", "RATE_LIMIT=1", "--env", "RATE_BURST=20", "--env", "TRUSTED_PROXIES=0.0.0.0/0")
	s.app("backend-blue", "backend")
	s.app("frontend-blue", "frontend")
	asked := 0
	s.until("both pools answer", func() bool { // each question as another client
		asked++
		client := map[string]string{"X-Forwarded-For": fmt.Sprintf("198.51.100.%d", asked%250)}
		return s.do("GET", "/api/x", client, "").status == 200 && s.do("GET", "/x", client, "").status == 200
	})
	counts := s.statuses(60, "/x")
	assert.GreaterOrEqual(t, counts[200], 5, "a page loads many files at once: %v", counts)
	assert.Greater(t, counts[429], 20, "%v", counts)
	assert.Equal(t, 60, counts[200]+counts[429], "%v", counts)
	for range 30 { // however long the requests took
		s.do("GET", "/x", nil, "")
	}
	assertTooMany(t, s.do("GET", "/x", nil, ""), s.do("GET", "/api/x", nil, ""))
	for range 60 {
		require.Equal(t, 200, s.do("GET", "/healthz", nil, "").status, "health checks are not counted")
	}
	other := s.do("GET", "/x", map[string]string{"X-Forwarded-For": "203.0.113.9"}, "")
	assert.Equal(t, 200, other.status, "another client behind the same proxy has a limit of its own")

	// A request is counted once, though an error or a stream sends it to another place.
	missing := map[string]string{"X-Forwarded-For": "203.0.113.10"}
	for range 15 {
		require.Equal(t, 404, s.do("GET", "/assets/x?status=404", missing, "").status)
	}
}
