//go:build integration

package gateway_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A backend that was made anew got 502 for ever (NginxProxyManager 5602), and one
// that took over another container's address got its requests (bytedance/deer-flow 1516).
func TestFollowsNewAddresses(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	backend := s.app("backend-blue", "backend-1")
	frontend := s.app("frontend-blue", "frontend-1")
	s.until("both answer", func() bool {
		return s.identity("/api/x") == "backend-1" && s.identity("/") == "frontend-1"
	})
	was := s.address(backend)

	docker(t, "stop", "--time", "0", backend, frontend)
	docker(t, "rm", backend, frontend)
	frontend = s.app("frontend-blue", "frontend-2")
	backend = s.app("backend-blue", "backend-2")
	require.Equal(t, was, s.address(frontend), "the frontend must have the backend's former address for this to prove anything")
	require.NotEqual(t, was, s.address(backend))

	s.until("both are followed", func() bool {
		return s.identity("/api/x") == "backend-2" && s.identity("/") == "frontend-2"
	})
	for range 50 {
		require.Equal(t, "backend-2", s.identity("/api/x"))
		require.Equal(t, "frontend-2", s.identity("/"))
	}
}
