package httpapi

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"drydock/backend/internal/live"
)

// openStream opens /api/events on a real connection.
func openStream(t *testing.T, srv *httptest.Server, lastID string) (*http.Response, *bufio.Scanner) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL+eventsPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	})
	return resp, bufio.NewScanner(resp.Body)
}

// nextEvent returns the name of the next event, or "" at the end of the stream.
func nextEvent(lines *bufio.Scanner) string {
	for lines.Scan() {
		if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			return name
		}
	}
	return ""
}

func wantEvents(t *testing.T, lines *bufio.Scanner, names ...string) {
	t.Helper()
	for _, want := range names {
		if got := nextEvent(lines); got != want {
			t.Fatalf("got event %q, want %q", got, want)
		}
	}
}

func serveFixture(t *testing.T) (*fixture, *httptest.Server) {
	t.Helper()
	f := newFixture()
	srv := httptest.NewUnstartedServer(nil)
	srv.Config = f.Server("")
	// Far shorter than a stream lives: the stream must lift them.
	srv.Config.ReadTimeout, srv.Config.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	srv.Start()
	t.Cleanup(srv.Close)
	t.Cleanup(f.Hub.Close)
	return f, srv
}

func TestEventStream(t *testing.T) {
	f, srv := serveFixture(t)
	f.Hub.SetStatus([]byte(`{"ready":true}`))
	resp, lines := openStream(t, srv, "")
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store", "X-Accel-Buffering": "no",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	wantEvents(t, lines, "hello", "status", "resync")
	f.Hub.Resume(live.Position{Epoch: "E"})
	wantEvents(t, lines, "resync")
	// One event after the other until well after the server's timeouts.
	begin, seq := time.Now(), int64(0)
	for time.Since(begin) < 3*srv.Config.WriteTimeout {
		seq++
		f.Hub.Accept(live.Message{At: live.Position{Epoch: "E", Seq: seq}, Kind: "note.created", Data: []byte(`{}`)})
		wantEvents(t, lines, "note.created")
	}
	seq++
	f.Hub.Accept(live.Message{At: live.Position{Epoch: "E", Seq: seq}, Kind: "note.updated", Data: []byte(`{}`)})
	wantEvents(t, lines, "note.updated")

	_, again := openStream(t, srv, live.Position{Epoch: "E", Seq: seq - 1}.String())
	wantEvents(t, again, "hello", "status", "note.updated")
}

func TestStreamsEndWithAHintToComeBack(t *testing.T) {
	f, srv := serveFixture(t)
	_, lines := openStream(t, srv, "")
	wantEvents(t, lines, "hello", "resync")
	f.Hub.Close()
	var rest []string
	for lines.Scan() {
		rest = append(rest, lines.Text())
	}
	got := strings.Join(rest, "\n")
	if !strings.Contains(got, "retry: ") || !strings.Contains(got, "event: bye\ndata: {\"reason\":\"shutdown\"}") {
		t.Errorf("got %q", got)
	}
	resp, _ := openStream(t, srv, "")
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("got %d", resp.StatusCode)
	}
}

func TestStreamOfAPageThatLeavesIsFreed(t *testing.T) {
	f, srv := serveFixture(t)
	resp, lines := openStream(t, srv, "")
	wantEvents(t, lines, "hello", "resync")
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	f.log.await(t, "GET "+eventsPath)
	if n := f.Hub.Counts().Streams; n != 0 {
		t.Errorf("%d streams are still open", n)
	}
}
