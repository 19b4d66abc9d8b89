//go:build integration

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"drydock/backend/internal/board"
	"drydock/backend/internal/config"
	"drydock/backend/internal/health"
	"drydock/backend/internal/store"
	"drydock/backend/internal/testenv"
)

// service is a running backend; stop is the SIGTERM.
type service struct {
	url  string
	cfg  *config.Config
	stop context.CancelFunc
	done chan error
}

func start(t *testing.T, cfg *config.Config) *service {
	t.Helper()
	_, prefix := testenv.Redis(t, cfg)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := &service{url: "http://" + listener.Addr().String(), cfg: cfg, stop: cancel, done: make(chan error, 1)}
	go func() { s.done <- serve(ctx, cfg, testenv.Log(t), listener, prefix); close(s.done) }()
	t.Cleanup(func() { cancel(); <-s.done })
	return s
}

func migrateUp(t *testing.T, cfg *config.Config) {
	t.Helper()
	m, err := store.OpenMigrator(t.Context(), cfg.Database, store.Limits{Lock: time.Second, Statement: time.Minute}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Up(t.Context()); err != nil {
		t.Error(err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// request sends one request and decodes its answer.
func (s *service) request(t *testing.T, method, path, body string, into any) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if into != nil {
		if err := json.Unmarshal(data, into); err != nil {
			t.Fatalf("%s %s: %q: %v", method, path, data, err)
		}
	}
	return resp.StatusCode
}

// events opens the stream; the channel gets "event data" lines and is closed at the end.
func (s *service) events(t *testing.T) <-chan string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.url+"/api/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	events := make(chan string, 100)
	go func() {
		defer close(events)
		defer resp.Body.Close()
		lines := bufio.NewScanner(resp.Body)
		name := ""
		for lines.Scan() {
			if v, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				name = v
			}
			if v, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				events <- name + " " + v
			}
		}
	}()
	return events
}

// await reads events until one begins with the prefix, and returns it.
func await(t *testing.T, events <-chan string, prefix string) string {
	t.Helper()
	timeout := time.After(testenv.Patience)
	for {
		select {
		case e, open := <-events:
			if !open {
				t.Fatalf("the stream ended before %s", prefix)
			}
			if strings.HasPrefix(e, prefix) {
				return e
			}
		case <-timeout:
			t.Fatalf("no %s", prefix)
		}
	}
}

const (
	readyEvent   = `status {"ready":true`
	unreadyEvent = `status {"ready":false`
)

// It starts with no schema, says so, and is ready by itself once the schema is there.
func TestStartsUnreadyAndRecovers(t *testing.T) {
	s := start(t, testenv.Config(t))
	events := s.events(t)
	await(t, events, `status {"ready":false,"checks":{"database":"ok","redis":"ok","migrations":"failed"}}`)
	var report health.Report
	if code := s.request(t, "GET", "/readyz", "", &report); code != 503 || !strings.Contains(report.Checks.Migrations, "migrate up") {
		t.Errorf("got %d %+v", code, report)
	}
	if code := s.request(t, "GET", "/healthz", "", nil); code != 200 {
		t.Errorf("healthz: %d", code)
	}
	if code := s.request(t, "GET", "/api/notes", "", nil); code != 503 {
		t.Errorf("notes: %d", code)
	}
	migrateUp(t, s.cfg)
	await(t, events, readyEvent)
	if code := s.request(t, "GET", "/readyz", "", &report); code != 200 {
		t.Errorf("got %d %+v", code, report)
	}
}

func TestBoardFromEndToEnd(t *testing.T) {
	cfg := testenv.Config(t)
	migrateUp(t, cfg)
	s := start(t, cfg)
	events := s.events(t)
	await(t, events, "resync")
	await(t, events, readyEvent)

	var n board.Note
	if code := s.request(t, "POST", "/api/notes", `{"title":"milk","body":"<b>&"}`, &n); code != 201 {
		t.Fatalf("got %d", code)
	}
	var told board.Note
	e := strings.TrimPrefix(await(t, events, "note.created"), "note.created ")
	if err := json.Unmarshal([]byte(e), &told); err != nil || told != n {
		t.Errorf("got %+v, %v, want %+v", told, err, n)
	}
	path := fmt.Sprintf("/api/notes/%d", n.ID)
	if code := s.request(t, "PATCH", path, `{"body":"x","version":1}`, nil); code != 200 {
		t.Errorf("patch: %d", code)
	}
	await(t, events, "note.updated")
	if code := s.request(t, "PATCH", path, `{"body":"y","version":1}`, nil); code != 409 {
		t.Errorf("old patch: %d", code)
	}
	var st board.Stats
	s.request(t, "POST", "/api/visits", "", &st)
	if st != (board.Stats{Notes: 1, Visits: 1}) {
		t.Errorf("got %+v", st)
	}
	if code := s.request(t, "DELETE", path, "", nil); code != 204 {
		t.Errorf("delete: %d", code)
	}
	if got := await(t, events, "note.deleted"); got != fmt.Sprintf(`note.deleted {"id":%d,"version":2}`, n.ID) {
		t.Errorf("got %s", got)
	}
	s.request(t, "GET", "/api/stats", "", &st)
	if st != (board.Stats{Notes: 0, Visits: 1}) {
		t.Errorf("got %+v", st)
	}
}

// A stopped part is noticed within 3 s, pages are told, and all goes on by itself when it is back.
func TestOutagesAreNoticedAndPass(t *testing.T) {
	cfg := testenv.Config(t)
	migrateUp(t, cfg)
	database, redis := testenv.DatabaseThrough(t, cfg), testenv.RedisThrough(t, cfg)
	s := start(t, cfg)
	events := s.events(t)
	await(t, events, readyEvent)
	for name, test := range map[string]struct {
		fail, restore func()
		want          string
	}{
		"database stopped": {database.Cut, database.Restore, `"database":"failed"`},
		"database hangs":   {database.Hang, database.Restore, `"database":"failed"`},
		"redis stopped":    {redis.Cut, redis.Restore, `"redis":"failed"`},
		"redis hangs":      {redis.Hang, redis.Restore, `"redis":"failed"`},
	} {
		test.fail()
		begin := time.Now()
		e := await(t, events, unreadyEvent)
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("%s: noticed after %v", name, took)
		}
		if !strings.Contains(e, test.want) {
			t.Errorf("%s: got %s, want %s", name, e, test.want)
		}
		var report health.Report
		if code := s.request(t, "GET", "/readyz", "", &report); code != 503 {
			t.Errorf("%s: readyz %d", name, code)
		}
		test.restore()
		await(t, events, readyEvent)
	}
	if code := s.request(t, "POST", "/api/notes", `{"title":"after"}`, nil); code != 201 {
		t.Errorf("got %d", code)
	}
}

// The board works without Redis; pages only learn of changes later.
func TestNotesWithoutRedis(t *testing.T) {
	cfg := testenv.Config(t)
	migrateUp(t, cfg)
	redis := testenv.RedisThrough(t, cfg)
	s := start(t, cfg)
	events := s.events(t)
	await(t, events, readyEvent)
	redis.Cut()
	await(t, events, unreadyEvent)
	if code := s.request(t, "POST", "/api/notes", `{"title":"offline"}`, nil); code != 201 {
		t.Errorf("got %d", code)
	}
	var st board.Stats
	if code := s.request(t, "GET", "/api/stats", "", &st); code != 200 || st.Notes != 1 {
		t.Errorf("got %d %+v", code, st)
	}
	redis.Restore()
	await(t, events, "resync")
}

// coollabsio/coolify 8627, 5730: requests in flight were cut when the old instance was told to stop. Here one waits for a
// lock in the database through the whole stop, a stream is open, and a new request comes during the lame-duck time.
func TestStopCutsNobodyOff(t *testing.T) {
	cfg := testenv.Config(t)
	migrateUp(t, cfg)
	s := start(t, cfg)
	events := s.events(t)
	await(t, events, readyEvent)
	var n board.Note
	s.request(t, "POST", "/api/notes", `{"title":"a"}`, &n)

	ctx := t.Context()
	holder, err := pgx.ConnectConfig(ctx, cfg.Database)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close(ctx)
	if _, err := holder.Exec(ctx, `BEGIN; UPDATE notes SET version = version`); err != nil {
		t.Fatal(err)
	}
	slow := make(chan int, 1)
	go func() {
		slow <- s.request(t, "PATCH", fmt.Sprintf("/api/notes/%d", n.ID), `{"title":"b","version":1}`, nil)
	}()
	awaitBlocked(t, holder)

	s.stop()
	awaitDraining(t, s)
	if e := await(t, events, "bye"); e != `bye {"reason":"shutdown"}` {
		t.Errorf("got %s", e)
	}
	select { // the stream has ended, so nothing is accepted any more, but the slow request is waited for
	case err := <-s.done:
		t.Fatalf("it stopped with a request in flight: %v", err)
	default:
	}
	if _, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://")); err == nil {
		t.Error("it still accepts connections")
	}
	if _, err := holder.Exec(ctx, `COMMIT`); err != nil {
		t.Fatal(err)
	}
	if code := <-slow; code != 200 {
		t.Errorf("the slow request: %d", code)
	}
	if err := <-s.done; err != nil {
		t.Errorf("got %v", err)
	}
}

// awaitBlocked asks until a query waits for the holder; PostgreSQL tells nobody of its own accord.
func awaitBlocked(t *testing.T, holder *pgx.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	for blocked := false; !blocked; {
		err := holder.QueryRow(ctx,
			`SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid)))`).Scan(&blocked)
		if err != nil {
			t.Fatalf("waiting for the blocked query: %v", err)
		}
	}
}

// awaitDraining sees 503 while requests are still answered.
func awaitDraining(t *testing.T, s *service) {
	t.Helper()
	for {
		var report health.Report
		if code := s.request(t, "GET", "/readyz", "", &report); code == 503 && report.Draining {
			return
		}
	}
}

func TestStopIsBounded(t *testing.T) {
	cfg := testenv.Config(t)
	cfg.ShutdownDelay, cfg.ShutdownTimeout = 0, 100*time.Millisecond
	s := start(t, cfg)
	await(t, s.events(t), "hello")
	body, writer := io.Pipe() // a request whose body never ends
	defer writer.Close()
	arrived := make(chan struct{})
	go func() {
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/api/notes", io.MultiReader(bytes.NewReader([]byte("{")), body))
		if err != nil {
			t.Error(err)
			return
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Expect", "100-continue") // answered when the handler begins to read
		close(arrived)
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			resp.Body.Close()
			t.Errorf("answered with %d", resp.StatusCode)
		}
	}()
	<-arrived
	if _, err := writer.Write([]byte(" ")); err != nil { // taken only once the server reads
		t.Fatal(err)
	}
	s.stop()
	select {
	case err := <-s.done:
		if err == nil || !strings.Contains(err.Error(), "SHUTDOWN_TIMEOUT") {
			t.Errorf("got %v", err)
		}
	case <-time.After(testenv.Patience):
		t.Error("it does not stop")
	}
}
