//go:build integration && long

package gateway_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestStreamsEndWhenTheyAreSilentForTooLong(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--env", "STREAM_TIMEOUT=1s")
	s.both()
	began := time.Now()
	r, _ := s.try("GET", "/api/stream?every=1m", map[string]string{"Accept": "text/event-stream"}, "")
	assert.Equal(t, 200, r.status)
	assert.Less(t, time.Since(began), 10*time.Second)
}
