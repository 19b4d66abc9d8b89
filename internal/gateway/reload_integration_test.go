//go:build integration

package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each reload dropped open WebSockets (kubernetes/ingress-nginx 2461).
func TestStreamsSurviveReload(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.both()
	for _, path := range []string{"/api/socket", "/hmr"} {
		say, err := s.websocket(path)
		require.NoError(t, err)
		require.NoError(t, say("before"), path)
		was := s.state().Generation
		s.run("reload")
		s.until("new workers serve", func() bool { return s.state().Generation > was && s.identity("/") == "frontend" })
		require.NoError(t, say("after"), path)
	}
	assert.Positive(t, s.state().Workers.Old, "old workers stay for their streams, and for nothing else")
}

// post sends a POST that Go's client may not send twice over HTTP/1.1: its body cannot be
// read again. Over HTTP/2 it may, since a server that closes a connection says which
// requests it has not looked at (RFC 9113, 6.8).
//
// One case Go's client leaves to its caller: the server says so of a new connection, before
// the first request is written on it. That is no request lost, and the next connection
// carries it, as a browser's would. Anything that was written, be it a header, counts.
func post(c *http.Client, url, body string) (status int, err error) {
	again := strings.HasPrefix(url, "https:")
	for range 2 {
		var connected, written atomic.Bool
		trace := &httptrace.ClientTrace{
			GotConn:          func(i httptrace.GotConnInfo) { connected.Store(!i.Reused) },
			WroteHeaderField: func(string, []string) { written.Store(true) },
		}
		status, err = postOnce(httptrace.WithClientTrace(context.Background(), trace), c, url, body)
		if err == nil || !again || !connected.Load() || written.Load() {
			break
		}
	}
	return status, err
}

func postOnce(ctx context.Context, c *http.Client, url, body string) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, "POST", url, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	if strings.HasPrefix(url, "http:") {
		req.GetBody = nil
	}
	res, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, res.Body)
	res.Body.Close()
	return res.StatusCode, err
}

// A reload closed idle connections just when a POST arrived on one (nginx PR 437).
func TestReloadsLoseNoRequest(t *testing.T) { reloadsLoseNoRequest(t, 10) }

func reloadsLoseNoRequest(t *testing.T, reloads int) {
	t.Parallel()
	s := newSecureSite(t, []string{"product.example"})
	s.both()
	done := make(chan struct{})
	type result struct {
		sent int
		err  error
	}
	results := make(chan result)
	load := func(c *http.Client, url string, pause time.Duration) {
		var r result
		defer func() { results <- r }()
		for r.err == nil {
			select {
			case <-done:
				return
			default:
			}
			status, err := post(c, url, "body")
			if err == nil && status != 200 {
				err = fmt.Errorf("status %d", status)
			}
			if err != nil {
				r.err = fmt.Errorf("after %d requests: %w", r.sent, err)
				return
			}
			r.sent++
			time.Sleep(pause) // for a connection that is idle when the reload comes
		}
	}
	clients := 0
	for _, pause := range []time.Duration{3 * time.Millisecond, 10 * time.Millisecond, 60 * time.Millisecond} {
		go load(s.client(), s.url("/api/x"), pause)
		go load(s.http2(), "https://"+s.host+"/api/x", pause)
		clients += 2
	}
	// In one process, since to start a program each time takes longer than a reload.
	docker(t, "exec", s.gateway, "sh", "-c", fmt.Sprintf("i=0; while [ $i -lt %d ]; do gateway reload >/dev/null || exit 1; i=$((i+1)); done", reloads))
	close(done)
	sent := 0
	for range clients {
		r := <-results
		assert.NoError(t, r.err)
		sent += r.sent
	}
	assert.Greater(t, sent, 10*reloads)
	v := s.state()
	assert.GreaterOrEqual(t, v.Generation, reloads)
	assert.Zero(t, v.Reloads.Failed)
	s.until("the old workers end", func() bool { return s.state().Workers.Old == 0 })
}
