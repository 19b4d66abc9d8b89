//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/testkit"
)

func contextWithTimeout(d time.Duration) (context.Context, func()) {
	return context.WithTimeout(context.Background(), d)
}

// all are the containers of the site, whatever they belong to.
func (s *site) all(ctx context.Context) []engine.Container {
	list, err := s.engine.Containers(ctx, engine.Filter{Labels: map[string]string{"drydock.project": s.project}})
	assert.NoError(s.t, err)
	return list
}

// users are people who use the site all the time, in every way.
type users struct {
	t     *testing.T
	site  *site
	loads map[string]*testkit.LoadRun

	mark    string // begins the titles of their notes
	stop    context.CancelFunc
	wait    sync.WaitGroup
	mu      sync.Mutex
	posted  []string // titles that were answered with 201
	faults  []string
	streams []*stream
}

// stream is an open page that gets live updates.
type stream struct {
	mu       sync.Mutex
	seen     map[string]bool
	breaks   int
	longest  time.Duration // without a connection
	lastID   string
	hello    bool
	problems []string
}

const slowDelay = "5s"

func newUsers(t *testing.T, s *site) *users {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s.crowds++
	u := &users{t: t, site: s, mark: fmt.Sprintf("load%d-", s.crowds), stop: cancel, loads: map[string]*testkit.LoadRun{
		"page, keep-alive":       testkit.StartLoad(t, testkit.Load{URL: s.base + "/", Rate: 15, Workers: 8, Timeout: 20 * time.Second}),
		"API, new connections":   testkit.StartLoad(t, testkit.Load{URL: s.base + "/api/version", Rate: 10, Workers: 8, NewConnections: true, Timeout: 20 * time.Second}),
		"answers that take long": testkit.StartLoad(t, testkit.Load{URL: s.base + "/api/version?delay=" + slowDelay, Workers: 2, Timeout: 30 * time.Second}),
	}}
	u.wait.Go(func() { u.post(ctx, &http.Client{Timeout: 20 * time.Second}, "kept") })
	u.wait.Go(func() {
		u.post(ctx, &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}, "new")
	})
	for range quickOr(5, 100) {
		st := &stream{seen: map[string]bool{}}
		u.streams = append(u.streams, st)
		u.wait.Go(func() { u.listen(ctx, st) })
	}
	t.Cleanup(cancel)
	return u
}

// post writes notes, each with a title of its own, so that one that was written twice or
// not at all can be told. A POST is never sent again.
func (u *users) post(ctx context.Context, client *http.Client, name string) {
	filler := strings.Repeat("x", 4000)
	tick := time.NewTicker(150 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		title := fmt.Sprintf("%s%s-%d", u.mark, name, i)
		body, err := json.Marshal(map[string]string{"title": title, "body": filler})
		if err != nil {
			panic(err)
		}
		resp, err := client.Post(u.site.base+"/api/notes", "application/json", bytes.NewReader(body))
		u.mu.Lock()
		switch {
		case err != nil:
			u.faults = append(u.faults, fmt.Sprintf("%s POST %s: %v", time.Now().Format("15:04:05.000"), title, err))
		case resp.StatusCode != http.StatusCreated:
			u.faults = append(u.faults, fmt.Sprintf("%s POST %s: %s", time.Now().Format("15:04:05.000"), title, resp.Status))
		default:
			u.posted = append(u.posted, title)
		}
		u.mu.Unlock()
		if err == nil {
			_ = resp.Body.Close()
		}
	}
}

// listen keeps a stream open as a browser does: it comes back at once, and says what it
// had last.
func (u *users) listen(ctx context.Context, st *stream) {
	lost := time.Now()
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.site.base+"/api/events", nil)
		if err != nil {
			panic(err)
		}
		if st.lastID != "" {
			req.Header.Set("Last-Event-ID", st.lastID)
		}
		resp, err := (&http.Transport{}).RoundTrip(req)
		if err != nil || resp.StatusCode != http.StatusOK {
			if ctx.Err() == nil {
				st.mu.Lock()
				st.problems = append(st.problems, fmt.Sprintf("%s reconnecting: %v %v", time.Now().Format("15:04:05.000"), err, status(resp)))
				st.mu.Unlock()
			}
			if err == nil {
				_ = resp.Body.Close()
			}
			time.Sleep(100 * time.Millisecond) // as a browser would; longer, in truth
			continue
		}
		st.mu.Lock()
		if st.hello {
			st.longest = max(st.longest, time.Since(lost))
		}
		st.hello = true
		st.mu.Unlock()
		u.read(ctx, st, resp)
		lost = time.Now()
		st.mu.Lock()
		st.breaks++
		st.mu.Unlock()
	}
}

func status(resp *http.Response) string {
	if resp == nil {
		return ""
	}
	return resp.Status
}

func (u *users) read(ctx context.Context, st *stream, resp *http.Response) {
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	kind := ""
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "id: "):
			st.lastID = line[4:]
		case strings.HasPrefix(line, "event: "):
			kind = line[7:]
		case strings.HasPrefix(line, "data: "):
			var d struct {
				Title string
				Note  struct{ Title string }
			}
			_ = json.Unmarshal([]byte(line[6:]), &d)
			st.mu.Lock()
			st.seen[d.Title+d.Note.Title] = true
			st.mu.Unlock()
			if kind == "resync" {
				u.reload(ctx, st)
			}
		}
	}
}

// reload is what a page does that is told to: it reads the list.
func (u *users) reload(ctx context.Context, st *stream) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.site.base+"/api/notes?limit=100", nil)
	if err != nil {
		panic(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return
	}
	defer func() { _ = resp.Body.Close() }()
	var p struct{ Notes []struct{ Title string } }
	_ = json.NewDecoder(resp.Body).Decode(&p)
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, n := range p.Notes {
		st.seen[n.Title] = true
	}
}

// content ends the load and demands that nobody has noticed anything.
func (u *users) content(t *testing.T) {
	t.Helper()
	for name, l := range u.loads {
		r := l.Stop()
		t.Logf("%s: %s", name, r)
		assert.Zero(t, r.Failed, "%s: %s", name, r)
		assert.Positive(t, r.Sent, name)
	}
	u.mu.Lock()
	posted := append([]string{}, u.posted...)
	u.mu.Unlock()
	for i, st := range u.streams {
		// The last notes may still be on their way.
		assert.Eventually(t, func() bool {
			st.mu.Lock()
			defer st.mu.Unlock()
			for _, title := range posted {
				if !st.seen[title] {
					return false
				}
			}
			return true
		}, 5*time.Second, 50*time.Millisecond, "stream %d has lost updates", i)
	}
	u.stop()
	u.wait.Wait()
	assert.Empty(t, u.faults)
	assert.Greater(t, len(u.posted), 10)
	for i, st := range u.streams {
		assert.Empty(t, st.problems, "stream %d", i)
		assert.LessOrEqual(t, st.longest, time.Second, "stream %d was away for long", i)
		t.Logf("stream %d: %d breaks, longest %s, %d updates", i, st.breaks, st.longest.Round(time.Millisecond), len(st.seen))
	}
	u.once(t)
}

// once looks into the database: each note that was answered is there, once.
func (u *users) once(t *testing.T) {
	t.Helper()
	db, err := u.site.engine.Containers(t.Context(), engine.Filter{Labels: map[string]string{
		"com.docker.compose.project": u.site.project, "com.docker.compose.service": "db"}})
	require.NoError(t, err)
	require.Len(t, db, 1)
	out, err := u.site.engine.ExecOutput(t.Context(), db[0].ID, "psql", "-U", "app", "-d", "app", "-At", "-c",
		"select title || ' ' || count(*) from notes where title like '"+u.mark+"%' group by title")
	require.NoError(t, err)
	have := map[string]string{}
	for line := range strings.Lines(out) {
		title, n, _ := strings.Cut(strings.TrimSpace(line), " ")
		have[title] = n
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, title := range u.posted {
		assert.Equal(t, "1", have[title], "%s in the database", title)
	}
	assert.Len(t, have, len(u.posted), "notes in the database")
}
