package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/run"
	"drydock/internal/testkit"
)

const path = "/services/T000/B000/very-secret-token"

// hook is a webhook that answers as it is told, one answer after another, the last for ever.
type hook struct {
	*httptest.Server
	mu     sync.Mutex
	bodies [][]byte
	calls  atomic.Int32
}

func newHook(t *testing.T, answers ...http.HandlerFunc) *hook {
	h := &hook{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(h.calls.Add(1)) - 1
		text, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.Equal(t, http.MethodPost, r.Method)
		assert.Equal(t, path, r.URL.Path)
		assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
		h.mu.Lock()
		h.bodies = append(h.bodies, text)
		h.mu.Unlock()
		if len(answers) > 0 {
			answers[min(n, len(answers)-1)](w, r)
		}
	}))
	t.Cleanup(h.Close)
	return h
}

func status(code int, said string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, said)
	}
}

func config(h *hook) Config {
	return Config{
		URL: h.URL + path, Project: "shop", Env: "prod", Host: "web-1", Secrets: []string{"pa%ss@word"},
		Timeout: 5 * time.Second, Attempts: 3, Backoff: time.Millisecond, MaxBackoff: 5 * time.Millisecond,
	}
}

func sender(t *testing.T, c Config) *Sender {
	t.Helper()
	s, err := New(c)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

// The body is a contract: receivers parse it.
func TestTheBody(t *testing.T) {
	h := newHook(t)
	s := sender(t, config(h))
	require.NoError(t, s.Send(t.Context(), Event{
		Event: BackupFailed, Kind: "dump", ID: "ID", Time: time.Date(2026, 1, 31, 12, 0, 0, 0, time.FixedZone("", 8*3600)),
		Duration: 83*time.Second + 456789*time.Microsecond,
		Error:    "pg_dump: connection to \"postgres://app:pa%25ss%40word@db/app\" failed: password <pa%ss@word> & user\nline two, of Käse",
		Next:     "ENV=prod go tool mage backup:dump",
	}))
	require.NoError(t, s.Send(t.Context(), Event{Event: "deploy.done", ID: "ID", Time: time.Unix(0, 0)}))
	var got bytes.Buffer
	for _, b := range h.bodies {
		require.NoError(t, json.Indent(&got, b, "", "  "))
		got.WriteByte('\n')
	}
	testkit.Golden(t, "body.json", got.Bytes())
	assert.NotContains(t, got.String(), "ss@word")
	assert.NotContains(t, got.String(), "very-secret")
}

func TestALongErrorIsCut(t *testing.T) {
	h := newHook(t)
	s := sender(t, config(h))
	require.NoError(t, s.Send(t.Context(), Event{Event: BackupFailed, Error: "x" + strings.Repeat("ü", 5000) + "\xff"}))
	var b body
	require.NoError(t, json.Unmarshal(h.bodies[0], &b))
	assert.Equal(t, "x"+strings.Repeat("ü", longest/2-1)+" ...", b.Error)
	assert.NotEmpty(t, b.ID)
	assert.NotEmpty(t, b.Time)
}

func TestWhatIsTriedAgain(t *testing.T) {
	hangUp := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	for name, c := range map[string]struct {
		answers []http.HandlerFunc
		calls   int32
		want    string
	}{
		"a 500, then good":   {[]http.HandlerFunc{status(500, "oh"), status(200, "ok")}, 2, ""},
		"hung up, then good": {[]http.HandlerFunc{hangUp, status(204, "")}, 2, ""},
		"always 503":         {[]http.HandlerFunc{status(503, "the token very-secret-token\n is busy")}, 3, `attempt 3 of 3: it answered 503 Service Unavailable`},
		"429 with a long wait": {[]http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(429)
		}, status(200, "")}, 2, ""},
		"404 is final":          {[]http.HandlerFunc{status(404, "no_team")}, 1, `it answered 404 Not Found: "no_team"`},
		"400 is final":          {[]http.HandlerFunc{status(400, "")}, 1, "it answered 400 Bad Request"},
		"301 is not followed":   {[]http.HandlerFunc{http.RedirectHandler("https://elsewhere.example/secret", http.StatusMovedPermanently).ServeHTTP}, 1, "redirects (301 Moved Permanently) to https://elsewhere.example, which is not followed"},
		"307 is not followed":   {[]http.HandlerFunc{http.RedirectHandler("/login", http.StatusTemporaryRedirect).ServeHTTP}, 1, "is not followed"},
		"an endless answer":     {[]http.HandlerFunc{status(200, strings.Repeat("x", 1<<20))}, 1, ""},
		"an endless bad answer": {[]http.HandlerFunc{status(400, strings.Repeat("é", 1<<20))}, 1, "é ..."},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHook(t, c.answers...)
			err := sender(t, config(h)).Send(t.Context(), Event{Event: BackupFailed})
			if c.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.want)
				assert.ErrorContains(t, err, "the webhook's address")
				assert.NotContains(t, err.Error(), "T000")
			}
			assert.Equal(t, c.calls, h.calls.Load())
			var first, last body
			require.NoError(t, json.Unmarshal(h.bodies[0], &first))
			require.NoError(t, json.Unmarshal(h.bodies[len(h.bodies)-1], &last))
			assert.Equal(t, first, last, "a second delivery is the same message")
		})
	}
}

func TestTimeoutAndNobodyThere(t *testing.T) {
	free := make(chan struct{})
	h := newHook(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-free:
		case <-r.Context().Done():
		}
	})
	defer close(free)
	c := config(h)
	c.Timeout, c.Attempts = 20*time.Millisecond, 2
	err := sender(t, c).Send(t.Context(), Event{Event: BackupFailed})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Equal(t, int32(2), h.calls.Load())

	gone := httptest.NewServer(nil)
	gone.Close()
	c.URL = gone.URL + path
	err = sender(t, c).Send(t.Context(), Event{Event: BackupFailed})
	require.ErrorContains(t, err, "connection refused")
	assert.NotContains(t, err.Error(), "T000")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, sender(t, c).Send(ctx, Event{Event: BackupFailed}), context.Canceled)
}

// A certificate of nobody's is refused; that of a given authority is accepted.
func TestCertificatesAreVerified(t *testing.T) {
	var calls atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	server.Config.ErrorLog = nil
	server.StartTLS()
	defer server.Close()
	c := Config{URL: server.URL + path, Attempts: 1, Backoff: time.Millisecond}
	err := sender(t, c).Send(t.Context(), Event{Event: "test"})
	require.ErrorContains(t, err, "certificate")
	assert.Zero(t, calls.Load())
	c.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	require.NoError(t, sender(t, c).Send(t.Context(), Event{Event: "test"}))
	assert.Equal(t, int32(1), calls.Load())
	c.CA = []byte("no certificate")
	_, err = New(c)
	assert.ErrorContains(t, err, "PEM")
}

func TestAnAddressThatIsNone(t *testing.T) {
	for _, url := range []string{"hooks.example/secret-token", "ftp://hooks.example/secret-token", "https://", "https://%zz/secret-token", "://secret-token"} {
		_, err := New(Config{URL: url})
		require.ErrorContains(t, err, "the webhook's address", url)
		assert.NotContains(t, err.Error(), "secret-token")
		assert.Equal(t, run.CodeBadInput, run.Code(err))
	}
	s := sender(t, Config{})
	s.Notify(Event{})
	assert.NoError(t, s.Send(t.Context(), Event{}))
	assert.NoError(t, s.Close(t.Context()))
}

// Whoever tells is not held up: not by a slow receiver, a full queue, or a closed sender.
func TestNotifyNeverBlocks(t *testing.T) {
	free, arrived := make(chan struct{}), make(chan struct{}, 10)
	h := newHook(t, func(http.ResponseWriter, *http.Request) { arrived <- struct{}{}; <-free })
	c := config(h)
	c.Queue = 2
	var mu sync.Mutex
	var warned []error
	c.Warn = func(err error) { mu.Lock(); warned = append(warned, err); mu.Unlock() }
	s := sender(t, c)
	s.Notify(Event{Event: "first"})
	<-arrived // it is being delivered; two more may wait
	for range 4 {
		s.Notify(Event{Event: "more"})
	}
	mu.Lock()
	require.Len(t, warned, 2)
	assert.ErrorContains(t, warned[0], "dropped")
	mu.Unlock()
	close(free)
	require.NoError(t, s.Close(t.Context()))
	assert.Equal(t, int32(3), h.calls.Load(), "what waits is delivered before the end")
	s.Notify(Event{Event: "late"})
	mu.Lock()
	assert.ErrorContains(t, warned[2], "closed")
	mu.Unlock()
	assert.NoError(t, s.Close(t.Context()))
}

func TestCloseHasABound(t *testing.T) {
	h := newHook(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	var warned atomic.Int32
	c := config(h)
	c.Warn = func(error) { warned.Add(1) }
	s := sender(t, c)
	s.Notify(Event{Event: "first"})
	s.Notify(Event{Event: "second"})
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, errors.New("the container stops"))
	defer cancel()
	assert.ErrorContains(t, s.Close(ctx), "the container stops")
	assert.Equal(t, int32(2), warned.Load())
}
