//go:build integration && long

package gateway_test

import (
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
