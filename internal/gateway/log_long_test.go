//go:build integration && long

package gateway_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/testkit"
)

// The supervisor counts each request by what nginx tells it.
func TestRequestsAreCounted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.both()
	was := s.window()
	for { // until what came before is counted
		time.Sleep(1500 * time.Millisecond) // nginx tells it each second
		now := s.window()
		if now == was {
			break
		}
		was = now
	}
	for range 7 {
		s.do("GET", "/api/x", nil, "")
		s.do("GET", "/x", nil, "")
		s.do("GET", "/assets/x", nil, "")
		s.do("GET", "/api/x?status=500", nil, "")
		s.do("GET", "/healthz", nil, "")
	}
	s.until("all are counted", func() bool { return s.window().Requests >= was.Requests+28 })
	now := s.window()
	assert.Equal(t, was.Requests+28, now.Requests, "health checks are not")
	assert.Equal(t, was.Errors+7, now.Errors)
	assert.Positive(t, now.P99)
	metrics := string(testkit.Get(t, "http://"+s.admin+"/metrics").Body)
	for _, line := range []string{
		`drydock_gateway_requests_total{class="2xx",colour="blue",route="asset"} 7`,
		`drydock_gateway_requests_total{class="5xx",colour="blue",route="api"} `,
		`drydock_gateway_request_lines_dropped_total 0`,
	} {
		assert.Contains(t, metrics, line)
	}
}

func (s *site) window() (w window) {
	s.t.Helper()
	require.NoError(s.t, json.Unmarshal([]byte(s.run("window", "--seconds=300")), &w))
	return w
}

type window struct {
	Requests, Errors uint64
	P99              float64 `json:"p99_ms"`
}
