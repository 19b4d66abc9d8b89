package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"drydock/backend/internal/board"
	"drydock/backend/internal/health"
)

// Kinds of paths that lost their prefix or met another rule: NixOS/nixpkgs 517476, owntracks/frontend 63.
func TestUnknownPathsAreJSON(t *testing.T) {
	f := newFixture()
	for _, path := range []string{"/", "/api", "/api/", "/apix", "/api/%2F..", "//api/notes", "/api//notes", "/api/notes/", "/api/../healthz", "/notes", "/api/notes/1/x", "/healthz/"} {
		w := f.do("GET", path, "")
		wantError(t, w, 404, "not_found")
		if w.Header().Get("Location") != "" {
			t.Errorf("%s was redirected to %s", path, w.Header().Get("Location"))
		}
	}
	wantError(t, f.do("POST", "/nothing", `{}`), 404, "not_found")
}

func TestWrongMethodsAreJSON(t *testing.T) {
	f := newFixture()
	for _, test := range []struct{ method, path, allow string }{
		{"PATCH", "/api/notes", "GET, HEAD, POST"},
		{"POST", "/api/notes/7", "DELETE, GET, HEAD, PATCH, PUT"},
		{"OPTIONS", "/api/stats", "GET, HEAD"},
		{"POST", "/healthz", "GET, HEAD"},
		{"BREW", "/api/visits", "POST"},
	} {
		w := f.do(test.method, test.path, "")
		wantError(t, w, 405, "method_not_allowed")
		if got := w.Header().Get("Allow"); got != test.allow {
			t.Errorf("%s %s: Allow %q, want %q", test.method, test.path, got, test.allow)
		}
	}
}

// Work ends when the time that the gateway waits is nearly over, and the client is told.
func TestWorkIsBoundByTheRequestTimeout(t *testing.T) {
	f := newFixture()
	f.RequestTimeout = 20 * time.Millisecond
	f.notes.update = func(ctx context.Context, _, _ int64, _ board.Patch) (board.Note, error) {
		<-ctx.Done()
		return board.Note{}, ctx.Err()
	}
	wantError(t, f.do("PATCH", "/api/notes/7", `{"title":"x"}`, "If-Match", "*"), 503, "unavailable")
}

func TestRequestID(t *testing.T) {
	f := newFixture()
	for given, kept := range map[string]bool{
		"0af7651916cd43dd8448eb211c80319c": true,
		"req-1_2.3":                        true,
		"short":                            false,
		strings.Repeat("x", 65):            false,
		"with space":                       false,
		"forged\",\"level\":\"ERROR":       false,
		"":                                 false,
	} {
		got := f.do("GET", "/version", "", "X-Request-ID", given).Header().Get("X-Request-ID")
		if (got == given) != kept || len(got) < 8 {
			t.Errorf("%q: got %q", given, got)
		}
	}
}

func TestAccessLog(t *testing.T) {
	f := newFixture()
	f.do("GET", "/version?secret=CANARY", "", "X-Request-ID", "request-1", "X-Forwarded-For", "192.0.2.1")
	f.do("GET", "/healthz", "")
	lines := f.log.lines(t)
	if len(lines) != 1 {
		t.Fatalf("got %d lines; health checks belong to the debug level", len(lines))
	}
	line := lines[0]
	for key, want := range map[string]any{
		"msg": "request", "method": "GET", "path": "/version", "route": "GET /version", "status": float64(200),
		"request_id": "request-1", "forwarded_for": "192.0.2.1",
	} {
		if line[key] != want {
			t.Errorf("%s: got %v, want %v", key, line[key], want)
		}
	}
	if data, err := json.Marshal(line); err != nil || strings.Contains(string(data), "CANARY") {
		t.Errorf("the query is in the log: %s, %v", data, err)
	}
}

func TestPanicIsOneRequestsAffair(t *testing.T) {
	f := newFixture()
	f.numbers.stats = func() (board.Stats, error) { panic("CANARY") }
	w := f.do("GET", "/api/stats", "")
	wantError(t, w, 500, "internal")
	if strings.Contains(w.Body.String(), "CANARY") {
		t.Error("the panic's value got out")
	}
	if line := f.log.lines(t)[0]; line["msg"] != "panic" || line["value"] != "CANARY" || line["stack"] == "" {
		t.Errorf("got %v", line)
	}
	if m := f.do("GET", "/metrics", "").Body.String(); !strings.Contains(m, "http_panics_total 1") {
		t.Error("the panic is not counted")
	}
}

// Half an answer must not look like a whole one.
func TestPanicAfterTheHeadCutsTheConnection(t *testing.T) {
	f := newFixture()
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		panic("late")
	})
	srv := httptest.NewServer(f.observe(f.recoverPanics(inner)))
	defer srv.Close()
	resp, err := http.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := resp.Body.Read(make([]byte, 1)); err == nil || err.Error() == "EOF" {
		t.Errorf("the body ended as if it were complete: %v", err)
	}
}

func TestReadyz(t *testing.T) {
	f := newFixture()
	f.health.report = health.Report{Ready: true, Checks: health.Checks{Database: "ok", Redis: "ok", Migrations: "ok"}}
	w := f.do("GET", "/readyz", "")
	wantStatus(t, w, 200)
	if w.Header().Get("Connection") != "" {
		t.Error("connections are closed without need")
	}
	f.health.report = health.Report{Draining: true, Checks: health.Checks{Database: "ok", Redis: "ok", Migrations: "ok"}}
	w = f.do("GET", "/readyz", "")
	wantStatus(t, w, 503)
	if !strings.Contains(w.Body.String(), `"draining":true`) || w.Header().Get("Connection") != "close" {
		t.Errorf("got %v %s", w.Header(), w.Body)
	}
	wantStatus(t, f.do("GET", "/healthz", ""), 200)
}

func TestVersion(t *testing.T) {
	f := newFixture()
	for _, path := range []string{"/version", "/api/version", "/api/version?delay=1h"} { // no delay unless it is allowed
		if got := strings.TrimSpace(f.do("GET", path, "").Body.String()); got != `{"version":"v1.2.3","go":"go","instance":"here"}` {
			t.Errorf("%s: got %s", path, got)
		}
	}
	f.MaxDelay = 1
	wantStatus(t, f.do("GET", "/api/version?delay=1ns", ""), 200)
	wantError(t, f.do("GET", "/api/version?delay=2ns", ""), 400, "bad_request")
}

func TestMetricsAreByRouteNotByPath(t *testing.T) {
	f := newFixture()
	f.notes.get = func(int64) (board.Note, error) { return board.Note{}, board.ErrNotFound }
	f.do("GET", "/api/notes/1", "")
	f.do("GET", "/api/notes/2", "")
	f.do("GET", "/nothing", "")
	f.do("XYZZY", "/nothing", "")
	got := f.do("GET", "/metrics", "").Body.String()
	for _, want := range []string{
		`http_requests_total{method="GET",route="GET /api/notes/{id}",status="404"} 2`,
		`http_requests_total{method="GET",route="none",status="404"} 1`,
		`http_requests_total{method="other",route="none",status="404"} 1`,
		`http_request_duration_seconds_count{method="GET",route="GET /api/notes/{id}",status="404"} 2`,
		`backend_build_info{commit="",go="go",version="v1.2.3"} 1`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s", want)
		}
	}
}
