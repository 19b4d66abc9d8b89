package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"drydock/backend/internal/board"
	"drydock/backend/internal/health"
	"drydock/backend/internal/live"
	"drydock/backend/internal/obs"
)

// fakeNotes is a board whose answers a test chooses; a function that is nil must not be called.
type fakeNotes struct {
	list   func(search string, limit int, before int64) (board.Page, error)
	get    func(id int64) (board.Note, error)
	create func(d board.Draft) (board.Note, error)
	update func(ctx context.Context, id, version int64, p board.Patch) (board.Note, error)
	delete func(id, version int64) error
}

func (f *fakeNotes) List(_ context.Context, search string, limit int, before int64) (board.Page, error) {
	return f.list(search, limit, before)
}
func (f *fakeNotes) Get(_ context.Context, id int64) (board.Note, error) { return f.get(id) }
func (f *fakeNotes) Create(_ context.Context, d board.Draft) (board.Note, error) {
	return f.create(d)
}
func (f *fakeNotes) Update(ctx context.Context, id, version int64, p board.Patch) (board.Note, error) {
	return f.update(ctx, id, version, p)
}
func (f *fakeNotes) Delete(_ context.Context, id, version int64) error { return f.delete(id, version) }

type fakeNumbers struct{ stats func() (board.Stats, error) }

func (f *fakeNumbers) Stats(context.Context) (board.Stats, error) { return f.stats() }
func (f *fakeNumbers) Visit(context.Context) (board.Stats, error) { return f.stats() }

type fakeHealth struct{ report health.Report }

func (f *fakeHealth) Check(context.Context) health.Report { return f.report }
func (f *fakeHealth) Draining() bool                      { return f.report.Draining }

// fixture is an API on fakes and what it has logged.
type fixture struct {
	*API
	notes   *fakeNotes
	numbers *fakeNumbers
	health  *fakeHealth
	log     *logBuffer
}

// testBodyLimit is what the fixture allows, in bytes.
const testBodyLimit = 64 << 10

func newFixture() *fixture {
	f := &fixture{notes: &fakeNotes{}, numbers: &fakeNumbers{}, health: &fakeHealth{}, log: newLogBuffer()}
	build := obs.Build{Version: "v1.2.3", Go: "go", Instance: "here"}
	f.API = &API{
		Notes: f.notes, Numbers: f.numbers, Health: f.health, Hub: live.NewHub(10),
		Metrics: obs.NewMetrics(build), Build: build, Log: obs.NewLogger(f.log, slog.LevelInfo),
		RequestTimeout: 10 * time.Second, BodyLimit: testBodyLimit,
	}
	return f
}

// do answers one request; header pairs follow the body.
func (f *fixture) do(method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	f.Handler().ServeHTTP(w, r)
	return w
}

// logBuffer can be read while the server still writes.
type logBuffer struct {
	mu      sync.Mutex
	b       bytes.Buffer
	written chan struct{} // gets a token with each line that nobody waits for yet
}

func newLogBuffer() *logBuffer { return &logBuffer{written: make(chan struct{}, 1)} }

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.written <- struct{}{}:
	default:
	}
	return l.b.Write(p)
}

// await waits for the access log's line about a route, which is written when its handler is over.
func (l *logBuffer) await(t *testing.T, route string) {
	t.Helper()
	for {
		for _, line := range l.lines(t) {
			if line["route"] == route {
				return
			}
		}
		select {
		case <-l.written:
		case <-time.After(10 * time.Second):
			t.Fatalf("no log line about %s", route)
		}
	}
}

// lines decodes what was logged.
func (l *logBuffer) lines(t *testing.T) (lines []map[string]any) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	d := json.NewDecoder(bytes.NewReader(l.b.Bytes()))
	for {
		var line map[string]any
		if err := d.Decode(&line); err == io.EOF {
			return lines
		} else if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
}

// wantError checks an error answer and returns it.
func wantError(t *testing.T, w *httptest.ResponseRecorder, status int, code string) apiError {
	t.Helper()
	var body struct{ Error apiError }
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("%d %q is not JSON: %v", w.Code, w.Body, err)
	}
	if w.Code != status || body.Error.Code != code || body.Error.Message == "" {
		t.Errorf("got %d %s, want %d %s", w.Code, w.Body, status, code)
	}
	if id := w.Header().Get("X-Request-ID"); id == "" || body.Error.RequestID != id {
		t.Errorf("request id %q in the body, %q in the header", body.Error.RequestID, id)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
	return body.Error
}

func wantStatus(t *testing.T, w *httptest.ResponseRecorder, status int) {
	t.Helper()
	if w.Code != status {
		t.Errorf("got %d %s, want %d %s", w.Code, w.Body, status, http.StatusText(status))
	}
}
