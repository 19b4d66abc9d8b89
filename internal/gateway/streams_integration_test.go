//go:build integration

package gateway_test

import (
	"bufio"
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStreamsAreNotHeldBack(t *testing.T) {
	t.Parallel()
	// The application may think for a second, a stream may be silent for longer.
	s := newSecureSite(t, []string{"product.example"}, "--env", "BACKEND_TIMEOUT=1s")
	s.both()
	two := s.http2()
	for _, c := range []struct {
		url, accept string
		client      *http.Client
	}{
		{s.url("/api/stream"), "text/event-stream", s.client()},
		{s.url("/api/stream"), "*/*", s.client()},
		{s.url("/stream"), "text/event-stream", s.client()},
		{s.url("/stream"), "text/event-stream, */*;q=0.1", s.client()},
		{"https://" + s.host + "/api/stream", "text/event-stream", two},
		{"https://" + s.host + "/api/stream", "*/*", two},
		{"https://" + s.host + "/stream", "text/event-stream", two},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		req, err := http.NewRequestWithContext(ctx, "GET", c.url, nil)
		require.NoError(t, err)
		req.Header.Set("Accept", c.accept)
		req.Header.Set("Accept-Encoding", "gzip, br")
		res, err := c.client.Do(req)
		require.NoError(t, err, "%v", c)
		require.Equal(t, 200, res.StatusCode)
		assert.Empty(t, res.Header.Get("Content-Encoding"))
		lines := bufio.NewScanner(res.Body)
		began := time.Now()
		for lines.Scan() && lines.Text() != "data: 3" {
		}
		require.NoError(t, lines.Err())
		assert.Less(t, time.Since(began), 3*time.Second, "%v", c)
		cancel()
		require.NoError(t, res.Body.Close())
	}
	t.Run("silence", func(t *testing.T) {
		for _, path := range []string{"/api/stream", "/stream"} {
			req, err := http.NewRequestWithContext(t.Context(), "GET", s.url(path+"?every=2500ms"), nil)
			require.NoError(t, err)
			req.Header.Set("Accept", "text/event-stream")
			res, err := s.client().Do(req)
			require.NoError(t, err)
			lines := bufio.NewScanner(res.Body)
			for lines.Scan() && lines.Text() != "data: 1" {
			}
			require.NoError(t, lines.Err(), path)
			assert.Equal(t, "data: 1", lines.Text(), path)
			require.NoError(t, res.Body.Close())
		}
		say, err := s.websocket("/api/socket")
		require.NoError(t, err)
		time.Sleep(2 * time.Second) // longer than the application may think
		require.NoError(t, say("still there"))
		assert.Equal(t, 504, s.do("GET", "/api/x?wait=4s", nil, "").status)
		code, message, _ := s.do("GET", "/api/x?wait=4s", nil, "").failure()
		assert.Equal(t, "timeout", code)
		assert.Contains(t, message, "too long")
	})
}
