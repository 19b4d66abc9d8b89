package testkit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The bounds of a load: it is meant to notice a dropped request on this machine, not to
// find out what a machine can bear, and never to reach another one.
const (
	maxRate    = 2000 // requests a second
	maxWorkers = 256
	maxLoad    = 10 * time.Minute
)

// Load is requests to one URL on a loopback address, or on a Host of this test.
type Load struct {
	URL    string
	Method string // "" is GET
	Header http.Header
	Body   string

	Rate    float64 // requests a second, sent whether or not earlier ones were answered; 0: each worker sends its next when the last was answered
	Workers int     // how many requests may be under way; 0 is 4

	NewConnections bool          // one a request, instead of keep-alive
	Timeout        time.Duration // of one request; 0 is 10 s
	Duration       time.Duration // 0: until Stop, ten minutes at most

	// Check looks at an answer; an error counts as a failed request. Nil wants a status
	// below 400. It is called concurrently.
	Check func(status int, header http.Header, body []byte) error
}

// LoadRun is a load being made.
type LoadRun struct {
	cancel context.CancelFunc
	done   chan struct{}
	rec    recorder
}

// StartLoad begins to send requests; it is stopped when the test ends at the latest.
func StartLoad(t testing.TB, l Load) *LoadRun {
	t.Helper()
	if err := l.check(); err != nil {
		t.Fatalf("making load: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), min(l.Duration, maxLoad))
	r := &LoadRun{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		l.run(ctx, &r.rec)
	}()
	t.Cleanup(func() { r.Stop() })
	return r
}

// Stop sends no more requests, waits for those under way and returns what happened. It
// may be called more than once.
func (r *LoadRun) Stop() Result {
	r.cancel()
	<-r.done
	return r.rec.result()
}

// Wait is Stop after the load's own duration.
func (r *LoadRun) Wait() Result {
	<-r.done
	return r.Stop()
}

// Reach waits until n requests have been answered or have failed, or the load has ended,
// and returns how many there are.
func (r *LoadRun) Reach(n int) int {
	for {
		sent, more := r.rec.progress()
		if sent >= n {
			return sent
		}
		select {
		case <-more:
		case <-r.done:
			sent, _ = r.rec.progress()
			return sent
		}
	}
}

func (l *Load) check() error {
	u, err := url.Parse(l.URL)
	if err != nil {
		return err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("%q is no HTTP address", l.URL)
	}
	if l.Rate < 0 || l.Rate > maxRate {
		return fmt.Errorf("a rate of %g requests a second is not between 0 and %d", l.Rate, maxRate)
	}
	if l.Workers == 0 {
		l.Workers = 4
	}
	if l.Workers < 0 || l.Workers > maxWorkers {
		return fmt.Errorf("%d workers are not between 1 and %d", l.Workers, maxWorkers)
	}
	if l.Method == "" {
		l.Method = http.MethodGet
	}
	if l.Timeout == 0 {
		l.Timeout = 10 * time.Second
	}
	if l.Duration == 0 {
		l.Duration = maxLoad
	}
	if l.Check == nil {
		l.Check = func(status int, _ http.Header, _ []byte) error {
			if status >= 400 {
				return fmt.Errorf("status %d", status)
			}
			return nil
		}
	}
	return nil
}

func (l *Load) run(ctx context.Context, rec *recorder) {
	transport := &http.Transport{
		DialContext: nearOnly, DisableKeepAlives: l.NewConnections, MaxIdleConnsPerHost: l.Workers,
		DisableCompression: true,
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{
		Transport: transport, Timeout: l.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	due := make(chan time.Time)
	var workers sync.WaitGroup
	for range l.Workers {
		workers.Go(func() {
			for planned := range due {
				if planned.IsZero() {
					planned = time.Now()
				}
				l.one(client, planned, rec)
			}
		})
	}
	l.schedule(ctx, due, rec)
	close(due)
	workers.Wait()
}

// schedule hands out the moments at which requests are due. With a rate, latency counts
// from that moment: a server that hangs is then seen in every request that should have
// been sent meanwhile, not only in the few that were. A request whose turn passes
// while all workers are busy is counted as missed.
func (l *Load) schedule(ctx context.Context, due chan<- time.Time, rec *recorder) {
	if l.Rate == 0 {
		for {
			select {
			case due <- time.Time{}:
			case <-ctx.Done():
				return
			}
		}
	}
	every := time.Duration(float64(time.Second) / l.Rate)
	tick := time.NewTimer(0)
	defer tick.Stop()
	for next := time.Now(); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for !next.After(time.Now()) {
			select {
			case due <- next:
			case <-ctx.Done():
				return
			default:
				rec.missed()
			}
			next = next.Add(every)
		}
		tick.Reset(time.Until(next))
	}
}

// one sends a request. It is not bound to the load's context: a request under way at
// the end is a request like any other, and Timeout bounds it.
func (l *Load) one(client *http.Client, planned time.Time, rec *recorder) {
	req, err := http.NewRequest(l.Method, l.URL, body(l.Body))
	if err != nil {
		rec.failed(planned, 0, err)
		return
	}
	for k, v := range l.Header {
		req.Header[k] = v
	}
	if l.Body != "" {
		req.GetBody = nil // so that a request with a body is never sent twice
	}
	// When a kept-alive connection turns out to be closed, net/http quietly sends a
	// request without a body again, as browsers do (RFC 9110, 9.2.2). It is no failure,
	// but it is not to go unseen either.
	connections := 0
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connections++ },
	}))
	r, err := client.Do(req)
	if connections > 1 {
		rec.retried()
	}
	if err != nil {
		rec.failed(planned, 0, err)
		return
	}
	answer, err := io.ReadAll(r.Body)
	_ = r.Body.Close() // read to its end, or failed
	if err == nil {
		err = l.Check(r.StatusCode, r.Header, answer)
	}
	if err != nil {
		rec.failed(planned, r.StatusCode, err)
		return
	}
	rec.ok(planned, r.StatusCode)
}

func body(text string) io.Reader {
	if text == "" {
		return http.NoBody
	}
	return strings.NewReader(text)
}

// nearOnly refuses to connect to anything but this machine and the test's own hosts,
// whatever a name resolves to.
func nearOnly(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Control: func(_, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		if a := ap.Addr().Unmap(); !a.IsLoopback() && !ownHost(a) {
			return fmt.Errorf("load is made on loopback addresses and this test's own hosts only, not on %s", ap)
		}
		return nil
	}}
	return d.DialContext(ctx, network, address)
}

// errorKind makes one line of an error that is the same for the same kind, without
// addresses and ports that change.
func errorKind(err error) string {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET):
		return "connection reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err.Error()
	}
	return err.Error()
}
