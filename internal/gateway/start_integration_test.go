//go:build integration

package gateway_test

import (
	"os/exec"
	"testing"

	"drydock/internal/testkit"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// assertUnavailable: a person gets a page that needs nothing else, a program JSON, and both are told when to come back.
func assertUnavailable(t *testing.T, status int, code string, page, api response) {
	t.Helper()
	assert.Equal(t, status, page.status)
	assert.Contains(t, page.header.Get("Content-Type"), "text/html")
	assert.Contains(t, page.body, "Back in a moment")
	assert.NotRegexp(t, `(src|href)=|url\(`, page.body, "the page must not need anything else")

	assert.Equal(t, status, api.status)
	assert.Equal(t, "application/json", api.header.Get("Content-Type"))
	got, message, id := api.failure()
	assert.Equal(t, code, got)
	assert.NotEmpty(t, message)
	assert.Equal(t, api.header.Get("X-Request-ID"), id)
	for _, r := range []response{page, api} {
		assert.Equal(t, []string{"5"}, r.header.Values("Retry-After"))
		assert.Equal(t, []string{"no-store"}, r.header.Values("Cache-Control"))
	}
}

// The same page where an application is there and answers with nonsense, or not in time.
func TestFriendlyPageForAnApplicationThatFails(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--env", "BACKEND_TIMEOUT=1s")
	s.both()
	for _, c := range []struct {
		status      int
		code, query string
	}{
		{502, "unavailable", "raw=HTTP/1.1"}, // half a status line, then the end
		{504, "timeout", "wait=3s"},
	} {
		assertUnavailable(t, c.status, c.code, s.do("GET", "/x?"+c.query, nil, ""), s.do("GET", "/api/x?"+c.query, nil, ""))
		post := s.do("POST", "/form?"+c.query, nil, "x=1")
		assert.Equal(t, c.status, post.status)
		assert.Contains(t, post.body, "Back in a moment")
	}
}

// nginx used to exit, or `nginx -t` to fail, while an upstream's name did not
// resolve (nginx/docker-nginx 127, 669; NginxProxyManager 2359).
func TestStartsWithoutApplications(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	// nginx learns in its first moments that the pools are empty.
	s.until("it knows", func() bool {
		r, err := s.try("GET", "/", nil, "")
		return err == nil && r.status == 503
	})

	assertUnavailable(t, 503, "unavailable", s.do("GET", "/", nil, ""), s.do("GET", "/api/notes", nil, ""))
	post := s.do("POST", "/form", nil, "x=1")
	assert.Equal(t, 503, post.status)
	assert.Contains(t, post.body, "Back in a moment")

	// Streams have nobody to talk to either, and say so at once.
	_, err := s.websocket("/api/socket")
	assert.ErrorContains(t, err, "503")
	assert.Equal(t, 503, s.do("GET", "/api/events", map[string]string{"Accept": "text/event-stream"}, "").status)

	// The same check that runs at start, in a container without any network.
	out, err := exec.Command("docker", append(append([]string{"run", "--rm", "--network", "none", "--read-only",
		"--tmpfs", "/tmp"}, testkit.LabelOptions(t)...), gatewayImage(t), "test")...).CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "test is successful")

	// One application comes: it serves, whatever the other does.
	s.app("backend-blue", "backend")
	s.until("the backend is found", func() bool { return s.identity("/api/x") == "backend" })
	assert.Equal(t, 503, s.do("GET", "/", nil, "").status)
	s.app("frontend-blue", "frontend")
	s.until("the frontend is found", func() bool { return s.identity("/") == "frontend" })
}
