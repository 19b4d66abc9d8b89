package acme

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	requestTimeout = 30 * time.Second
	maxAnswer      = 1 << 20 // bytes; a chain has some thousand
)

// transport binds all requests of one attempt to its context (the library asks for the
// directory without one), bounds them, and remembers how long the authority wants to be
// left alone.
type transport struct {
	ctx   context.Context
	base  *http.Transport
	trace func(*http.Request)
	now   func() time.Time

	mu    sync.Mutex
	until time.Time
	cut   error // why the last request got no answer
}

func (m *Manager) newTransport(ctx context.Context) *transport {
	return &transport{ctx: ctx, trace: m.trace, now: m.o.Now, base: &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		TLSClientConfig:     &tls.Config{RootCAs: m.o.RootCAs, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:   true,
	}}
}

// RoundTrip reads the whole answer, so that its time and size are bounded here.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.trace != nil {
		t.trace(r)
	}
	ctx, cancel := context.WithTimeout(t.ctx, requestTimeout)
	defer cancel()
	resp, err := t.base.RoundTrip(r.WithContext(ctx))
	if err != nil {
		t.mu.Lock()
		t.cut = err
		t.mu.Unlock()
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	_ = resp.Body.Close() // it was read to its end, or is of no use
	if err == nil && len(body) > maxAnswer {
		err = fmt.Errorf("the answer of %s has more than %d bytes", r.URL, maxAnswer)
	}
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= http.StatusInternalServerError {
		t.hold(resp.Header.Get("Retry-After"))
	}
	return resp, nil
}

// hold understands seconds and dates (RFC 9110, 10.2.3).
func (t *transport) hold(retryAfter string) {
	now := t.now()
	var until time.Time
	if seconds, err := strconv.Atoi(retryAfter); err == nil && seconds >= 0 {
		until = now.Add(min(maxHold, time.Duration(min(seconds, int(maxHold/time.Second)))*time.Second))
	} else if at, err := http.ParseTime(retryAfter); err == nil {
		until = at
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if until.After(t.until) {
		t.until = until
	}
}

// held is until when the authority wants no request; zero when it did not say.
func (t *transport) held() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.until
}

// broke is why the last request without an answer had none; nil when there was no such.
func (t *transport) broke() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.cut
}

func (t *transport) close() { t.base.CloseIdleConnections() }
