//go:build integration

package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
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

// The limit of a header is a setting, for HTTP/1.1 and HTTP/2; what is behind the gateway takes what it lets through.
func TestHeaderLimitIsASetting(t *testing.T) {
	t.Parallel()
	small := newSecureSite(t, []string{"product.example"}, "--env", "HEADER_LIMIT=2k")
	small.both()
	large := newSite(t, "--env", "HEADER_LIMIT=64k")
	large.app("backend-blue", "backend")
	large.frontend("blue", nil)
	field := func(n int) map[string]string { return map[string]string{"X-Large": strings.Repeat("x", n)} }
	fields := func(count, n int) map[string]string {
		m := map[string]string{}
		for i := range count {
			m[fmt.Sprintf("X-Large-%d", i)] = strings.Repeat("x", n)
		}
		return m
	}
	path := func(n int) string { return "/api/" + strings.Repeat("x", n) }

	assert.Equal(t, 200, small.do("GET", "/api/x", field(1500), "").status)
	assert.Equal(t, 200, small.do("GET", "/api/x", fields(3, 1500), "").status)
	assert.Equal(t, 431, small.do("GET", "/api/x", field(2500), "").status)
	assert.Equal(t, 431, small.do("GET", "/api/x", fields(6, 1900), "").status, "four times that in all")
	assert.Equal(t, 200, small.do("GET", path(1500), nil, "").status)
	assert.Equal(t, 414, small.do("GET", path(2500), nil, "").status)
	c := small.http2()
	assert.Equal(t, 200, small.do2(c, "GET", "/api/x", field(1500), "").status)
	// HTTP/2 has an error for that, which ends the connection (RFC 9113, 10.5.1).
	for what, header := range map[string]map[string]string{"one field": field(3500), "all of it": fields(6, 1900)} {
		req, err := http.NewRequest("GET", "https://"+small.host+"/api/x", nil)
		require.NoError(t, err)
		for name, value := range header {
			req.Header.Set(name, value)
		}
		_, err = c.Do(req)
		assert.ErrorContains(t, err, "ENHANCE_YOUR_CALM", what)
	}

	large.until("both pools answer", func() bool {
		return large.identity("/api/x") == "backend" && large.do("GET", "/", nil, "").status == 200
	})
	for _, target := range []string{"/api/x", "/"} {
		assert.Equal(t, 200, large.do("GET", target, field(60000), "").status, target)
		assert.Equal(t, 200, large.do("GET", target, fields(3, 60000), "").status, target)
		assert.Equal(t, 431, large.do("GET", target, field(70000), "").status, target)
	}
	assert.Equal(t, 200, large.do("GET", path(60000), nil, "").status)
	assert.Equal(t, 414, large.do("GET", path(70000), nil, "").status)
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
