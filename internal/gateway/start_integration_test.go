//go:build integration

package gateway_test

import (
	"os/exec"
	"testing"

	"drydock/internal/testkit"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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

	page := s.do("GET", "/", nil, "")
	assert.Equal(t, 503, page.status)
	assert.Contains(t, page.header.Get("Content-Type"), "text/html")
	assert.Contains(t, page.body, "Back in a moment")
	assert.NotRegexp(t, `(src|href)=|url\(`, page.body, "the page must not need anything else")
	assert.Equal(t, "5", page.header.Get("Retry-After"))
	assert.Equal(t, "no-store", page.header.Get("Cache-Control"))

	post := s.do("POST", "/form", nil, "x=1")
	assert.Equal(t, 503, post.status)
	assert.Contains(t, post.body, "Back in a moment")

	api := s.do("GET", "/api/notes", nil, "")
	assert.Equal(t, 503, api.status)
	assert.Equal(t, "application/json", api.header.Get("Content-Type"))
	code, _, id := api.failure()
	assert.Equal(t, "unavailable", code)
	assert.Equal(t, api.header.Get("X-Request-ID"), id)

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
