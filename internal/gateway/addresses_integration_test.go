//go:build integration

package gateway_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
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

// Two containers restarted, swapped addresses, and nginx talked to the wrong one
// (medic/cht-core 8205): from three seconds on, nobody answers for the other.
func TestSwappedAddresses(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	backend, frontend := s.app("backend-blue", "backend"), s.app("frontend-blue", "frontend")
	s.until("both answer", func() bool { return s.identity("/api/x") == "backend" && s.identity("/") == "frontend" })
	b, f := s.address(backend), s.address(frontend)

	docker(t, "stop", "--time", "0", backend, frontend)
	docker(t, "start", frontend)
	docker(t, "start", backend)
	if s.address(frontend) == f { // the engine gave the old ones back in this order
		docker(t, "stop", "--time", "0", backend, frontend)
		docker(t, "start", backend)
		docker(t, "start", frontend)
	}
	require.Equal(t, b, s.address(frontend))
	require.Equal(t, f, s.address(backend))

	time.Sleep(3 * time.Second) // the promise: until here anything may answer, or nothing
	for range 100 {
		assert.Equal(t, "backend", s.identity("/api/x"))
		assert.Equal(t, "frontend", s.identity("/"))
	}
}
