//go:build integration && long

package gateway_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDevPolicyAllowsTheDevServer(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--env", "APP_ENV=dev")
	s.both()
	csp := s.do("GET", "/", nil, "").header.Get("Content-Security-Policy")
	assert.Contains(t, csp, "'unsafe-inline' 'unsafe-eval'")
	assert.Contains(t, csp, "connect-src 'self' ws:")
	assert.Equal(t, "frontend", s.identity("/node_modules/.vite/deps/x.js"))
	assert.Equal(t, 404, s.do("GET", "/.env", nil, "").status)
	say, err := s.websocket("/") // hot reload
	require.NoError(t, err)
	require.NoError(t, say("hello"))
}

func TestApplicationsHeadersCount(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.both()
	// An application that says something itself is believed, once.
	policy := "&header=" + url.QueryEscape("Content-Security-Policy:default-src 'none'") + "&header=X-Frame-Options:DENY"
	own := s.do("GET", "/x?status=404&header=Cache-Control:max-age=9"+policy, nil, "")
	assert.Equal(t, []string{"default-src 'none'"}, own.header.Values("Content-Security-Policy"))
	assert.Equal(t, []string{"DENY"}, own.header.Values("X-Frame-Options"))
	assert.Equal(t, []string{"max-age=9"}, own.header.Values("Cache-Control"))
	assert.Empty(t, s.do("GET", "/x?header=X-Powered-By:PHP", nil, "").header.Values("X-Powered-By"))
	// A success keeps the application's silence about caching.
	assert.Empty(t, s.do("GET", "/x", nil, "").header.Values("Cache-Control"))
	assert.Equal(t, "no-store", s.do("GET", "/api/x?status=500", nil, "").header.Get("Cache-Control"))

	// What it said counts no longer once its answer is replaced.
	replaced := s.do("GET", "/assets/x.js?status=404&header=Cache-Control:max-age=9"+policy, nil, "")
	assert.Equal(t, 404, replaced.status)
	assertSecure(t, "replaced 404", replaced)
	assert.Equal(t, []string{"no-store"}, replaced.header.Values("Cache-Control"))
	broken := s.do("GET", "/x?raw="+url.QueryEscape("HTTP/1.1 200 OK\r\nX-Frame-Options: DENY\r\nCache-Control: max-age=9\r\n"), nil, "")
	assert.Equal(t, 502, broken.status)
	assertSecure(t, "broken answer", broken)
	assert.Equal(t, []string{"no-store"}, broken.header.Values("Cache-Control"))
	assert.Equal(t, "5", broken.header.Get("Retry-After"))

	// Long cookies and policies.
	large := s.do("GET", "/api/x?large=20000", nil, "")
	assert.Equal(t, 200, large.status)
	assert.Len(t, large.header.Get("X-Large"), 20000)
}
