package testkit

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNamesAreUniqueAndPlain(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		n := Name(t, "TestÄ/with spaces_and--much more text than fits")
		assert.Regexp(t, `^ddt-test-with-spaces-and-much[a-z-]*-[a-z0-9]{8}$`, n)
		assert.LessOrEqual(t, len(n), 40)
		seen[n] = true
	}
	assert.Len(t, seen, 100)
	assert.Regexp(t, `^ddt-x-`, Name(t, "///"))
}

func TestAHeldPortIsTakenUntilReleased(t *testing.T) {
	p := HoldPort(t)
	address := (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: p.Number}).String()
	_, err := net.Listen("tcp", address)
	require.Error(t, err)
	p.Release()
	l, err := net.Listen("tcp", address)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, ok := reserve(t, p.Number)
	assert.False(t, ok, "another process may not choose it while the test runs")
}

// recording stands for a test whose failure is wanted.
type recording struct {
	testing.TB
	failed string
}

func (r *recording) Helper() {}
func (r *recording) Errorf(format string, args ...any) {
	r.failed = strings.TrimSpace(format)
	for _, a := range args {
		if s, ok := a.(string); ok {
			r.failed += "|" + s
		}
	}
}
func (r *recording) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(r)
}

func fails(t *testing.T, f func(t testing.TB)) string {
	t.Helper()
	r := &recording{TB: t}
	func() {
		defer func() {
			if p := recover(); p != nil && p != any(r) {
				panic(p)
			}
		}()
		f(r)
	}()
	return r.failed
}

func TestGolden(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "x.golden")
	assert.Contains(t, fails(t, func(t testing.TB) { golden(t, path, []byte("a\n"), false) }), "-update")
	golden(t, path, []byte("a\nb\n"), true)
	golden(t, path, []byte("a\nb\n"), false)
	said := fails(t, func(t testing.TB) { golden(t, path, []byte("a\nc\n"), false) })
	assert.Contains(t, said, "b\n|c\n")
	line, w, g := firstDifference("a\n", "a\nb")
	assert.Equal(t, []any{2, "", "b"}, []any{line, w, g})
}

func TestRoot(t *testing.T) {
	_, err := os.Stat(filepath.Join(Root(t), "internal", "testkit", "root.go"))
	require.NoError(t, err)
}

func TestWaitHTTPIsBounded(t *testing.T) {
	var asked atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			http.Error(w, "not yet", http.StatusServiceUnavailable)
		}
	}))
	defer s.Close()
	WaitHTTP(t, s.URL, nil)
	assert.EqualValues(t, 3, asked.Load())

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := waitHTTP(ctx, s.URL, func(Answer) bool { return false })
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.ErrorContains(t, err, "status 200")
}

func TestLoad(t *testing.T) {
	var served atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if served.Add(1)%5 == 0 {
			http.Error(w, "no", http.StatusBadGateway)
		}
	}))
	defer s.Close()

	run := StartLoad(t, Load{URL: s.URL, Rate: 100, Duration: 500 * time.Millisecond})
	r := run.Wait()
	assert.InDelta(t, 50, r.Sent+r.Missed, 15, r.String())
	assert.Equal(t, r.Failed, r.Statuses[502])
	assert.Equal(t, r.Sent, r.Statuses[200]+r.Statuses[502])
	assert.Positive(t, r.Percentile(99))
	assert.GreaterOrEqual(t, r.Max(), r.Percentile(50))

	closed := StartLoad(t, Load{URL: s.URL, Workers: 2, NewConnections: true, Method: "POST", Body: "x"})
	assert.GreaterOrEqual(t, closed.Reach(20), 20)
	assert.GreaterOrEqual(t, closed.Stop().Sent, 20)
	assert.Equal(t, closed.Stop(), closed.Stop())
}

func TestLoadCountsWhatIsCutOff(t *testing.T) {
	var n atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1)%2 == 0 {
			panic(http.ErrAbortHandler) // closes the kept-alive connection without an answer
		}
	}))
	defer s.Close()
	post := StartLoad(t, Load{URL: s.URL, Workers: 1, Method: "POST", Body: "x"})
	post.Reach(10)
	assert.Positive(t, post.Stop().Errors["connection closed"], "a POST is never sent twice")
	get := StartLoad(t, Load{URL: s.URL, Workers: 1})
	get.Reach(10)
	assert.Positive(t, get.Stop().Retried)
}

func TestLoadStaysOnThisMachine(t *testing.T) {
	for _, l := range []Load{
		{URL: "ftp://127.0.0.1"}, {URL: "x"}, {URL: "http://127.0.0.1", Rate: 1e6},
		{URL: "http://127.0.0.1", Workers: 1e6}, {URL: "http://127.0.0.1", Rate: -1},
	} {
		assert.Error(t, l.check(), l.URL)
	}
	_, err := nearOnly(t.Context(), "tcp", "192.0.2.1:80") // an address for documentation, RFC 5737
	assert.ErrorContains(t, err, "loopback")
	assert.Equal(t, "x", errorKind(errors.New("x")))
}
