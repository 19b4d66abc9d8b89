//go:build integration && long

package gateway_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
