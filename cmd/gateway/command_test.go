package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/gateway/acme"
	"drydock/internal/gateway/pool"
	"drydock/internal/gateway/supervisor"
)

// call runs the program with a supervisor that answers as h does; nil is none.
func call(t *testing.T, h http.HandlerFunc, stdin string, words ...string) (out, errs string, code int) {
	t.Helper()
	return callWith(t, nil, h, stdin, words...)
}

func callWith(t *testing.T, environ map[string]string, h http.HandlerFunc, stdin string, words ...string) (out, errs string, code int) {
	t.Helper()
	paths := supervisor.DefaultPaths()
	dir, err := os.MkdirTemp("", "g") // a socket's path must be short
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	paths.Run = dir
	if h != nil {
		l, err := net.Listen("unix", paths.AdminSocket())
		require.NoError(t, err)
		s := httptest.NewUnstartedServer(h)
		s.Listener.Close()
		s.Listener = l
		s.Start()
		t.Cleanup(s.Close)
	}
	var o, e bytes.Buffer
	c := command{getenv: func(name string) string { return environ[name] }, in: strings.NewReader(stdin), out: &o, err: &e, signals: make(chan os.Signal), paths: paths}
	err = c.run(t.Context(), words)
	if err != nil {
		e.WriteString(err.Error())
	}
	return o.String(), e.String(), supervisor.Code(err)
}

func TestUnknownWordsAreRefused(t *testing.T) {
	never := func(http.ResponseWriter, *http.Request) { t.Error("nothing was to be asked for") }
	for line, want := range map[string]string{
		"serve":                       "gateway window [--colour=COLOUR] [--seconds=N]",
		"--help":                      "there is no subcommand",
		"switch":                      "usage: gateway switch COLOUR [--force]",
		"switch blue green":           `does not know "green"`,
		"switch blue --now":           "does not know --now",
		"switch blue --force=true":    "does not know --force=true",
		"reload now":                  `does not know "now"`,
		"canary":                      "needs an argument",
		"canary green":                "a colour and per cent, or off",
		"maintenance perhaps":         "maintenance is on, off or status",
		"maintenance off now":         "maintenance is on, off or status",
		"get x":                       "begins with /",
		"window --colour":             "does not know --colour",
		"state --yaml":                "does not know --yaml",
		"version 2":                   `does not know "2"`,
		"run away":                    `does not know "away"`,
		"load --reset --reset --what": "does not know --what",
	} {
		out, errs, code := call(t, never, "", strings.Fields(line)...)
		assert.Equal(t, 64, code, line)
		assert.Contains(t, errs, want, line)
		assert.Empty(t, out, line)
	}
}

func TestWordsBecomeRequests(t *testing.T) {
	for line, want := range map[string]string{
		"switch green":                       "POST /switch?colour=green&force=",
		"switch --force green":               "POST /switch?colour=green&force=true",
		"canary green 5":                     "POST /canary?colour=green&force=&percent=5",
		"canary green 5% --force":            "POST /canary?colour=green&force=true&percent=5",
		"canary off":                         "POST /canary?force=&percent=0",
		"reload":                             "POST /reload",
		"turn":                               "POST /turn",
		"load":                               "POST /load archive",
		"load --reset":                       "POST /unload",
		"maintenance on new disks":           "POST /maintenance?on=true&reason=new+disks",
		"maintenance off":                    "POST /maintenance?on=false",
		"maintenance status":                 "GET /maintenance",
		"state --json":                       "GET /state",
		"window --colour=green --seconds=30": "GET /window?colour=green&seconds=30",
	} {
		var got string
		_, errs, code := call(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got = strings.TrimSpace(r.Method + " " + r.RequestURI + " " + string(body))
			fmt.Fprintln(w, "{}")
		}, "archive", strings.Fields(line)...)
		assert.Zero(t, code, "%s: %s", line, errs)
		assert.Equal(t, want, got, line)
	}
}

func TestChangesAreMadeInATurn(t *testing.T) {
	for line, want := range map[string]string{
		"switch green": "POST /switch?colour=green&force=&turn=7",
		"canary off":   "POST /canary?force=&percent=0&turn=7",
		"reload":       "POST /reload?turn=7",
		"load":         "POST /load?turn=7",
		"turn":         "POST /turn",
		"state":        "GET /state",
	} {
		var got string
		_, errs, code := callWith(t, map[string]string{"GATEWAY_TURN": "7"}, func(w http.ResponseWriter, r *http.Request) {
			got = r.Method + " " + r.RequestURI
			fmt.Fprintln(w, "{}")
		}, "", strings.Fields(line)...)
		assert.Zero(t, code, "%s: %s", line, errs)
		assert.Equal(t, want, got, line)
	}
}

func TestFailuresKeepTheirCodes(t *testing.T) {
	for _, code := range []int{1, 64, 75, 78} {
		_, errs, got := call(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusConflict)
			_ = json.NewEncoder(w).Encode(supervisor.Failure{Error: "for a reason", Code: code})
		}, "", "reload")
		assert.Equal(t, code, got)
		assert.Equal(t, "for a reason", errs)
	}
	_, errs, code := call(t, nil, "", "state")
	assert.Equal(t, 69, code)
	assert.Contains(t, errs, "it does not run here, or not yet")
	_, _, code = call(t, nil, "", "healthy")
	assert.Equal(t, 1, code, "an engine knows only 0 and 1")
	_, _, code = call(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "", "state")
	assert.Equal(t, 1, code)
}

func TestStateForPeople(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	v := supervisor.View{
		Generation: 7, Active: "green", Canary: &supervisor.CanaryView{Colour: "blue", Percent: 5}, Maintenance: true,
		Pushed:  &supervisor.Pushed{SHA256: strings.Repeat("ab", 32), At: at},
		Workers: supervisor.WorkersView{New: 2, Old: 1},
		Pools: []pool.View{
			{Name: "backend-blue", Mode: pool.ModeEmpty},
			{Name: "backend-green", Mode: pool.ModeHealthy, Members: []pool.MemberView{{Addr: netip.MustParseAddr("10.0.0.1"), Healthy: true}, {Addr: netip.MustParseAddr("10.0.0.2"), Error: "status 500"}}},
		},
		Certificate: supervisor.CertificateView{TLS: "files", Expires: &at},
		LastReload:  &supervisor.Result{At: at, Generation: 8, Reason: "certificate", Error: "it failed"},
	}
	assert.Equal(t, `generation 7, green is active, canary of 5% to blue, MAINTENANCE, configuration abababababab loaded 2026-01-02 03:04:05
workers: 2, and 1 of earlier generations
backend-blue    empty
backend-green   healthy  10.0.0.1  10.0.0.2 unhealthy (status 500)
tls: files, until 2026-01-02 03:04:05
last reload: 2026-01-02 03:04:05, generation 8, certificate, FAILED: it failed`, describe(v))
}

// A colour that was only assumed is told where the other one could be live as well.
func TestTheStateTellsOfDoubt(t *testing.T) {
	v := supervisor.View{Active: "blue", Assumed: true, Pools: []pool.View{{Name: "backend-blue", Names: "nobody"}, {Name: "backend-green", Names: "nobody"}}}
	assert.NotContains(t, describe(v), "ASSUMED", "nobody else is there")
	v.Pools[1] = pool.View{Name: "backend-green", Names: "known", Members: []pool.MemberView{{Addr: netip.MustParseAddr("10.0.0.1"), Healthy: true}}}
	assert.Contains(t, describe(v), "blue is active (ASSUMED: the state is lost")
	v.Assumed = false
	assert.NotContains(t, describe(v), "ASSUMED")
}

func TestTheStateTellsOfARenewalThatFailed(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	next := at.Add(time.Minute)
	s := acme.Status{LastAttempt: at, LastSuccess: at}
	tls := func() string {
		r := renewal(s)
		text := describe(supervisor.View{Certificate: supervisor.CertificateView{TLS: "acme", Expires: &next, Renewal: &r}})
		return text[strings.Index(text, "tls: "):]
	}
	assert.Equal(t, "tls: acme, until 2026-01-02 03:05:05", tls(), "nothing to say")
	s.Failures = 1
	assert.False(t, renewal(s).Failed, "an attempt that is under way has not failed yet")
	s.LastError, s.Failures, s.NextAttempt, s.Placeholder = "no A record", 2, next, true
	assert.Equal(t, "tls: acme, until 2026-01-02 03:05:05 (a placeholder: browsers warn)\n"+
		"renewal: FAILED 2 times in a row, last at 2026-01-02 03:04:05, next at 2026-01-02 03:05:05: no A record", tls())
	text, err := json.Marshal(renewal(s))
	require.NoError(t, err)
	assert.JSONEq(t, `{"failed":true,"error":"no A record","failures":2,"last_attempt":"2026-01-02T03:04:05Z","next_attempt":"2026-01-02T03:05:05Z","placeholder":true}`, string(text))
}

func TestGetThroughPreview(t *testing.T) {
	dir, err := os.MkdirTemp("", "g")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "preview.sock"))
	require.NoError(t, err)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		case "/missing":
			w.WriteHeader(http.StatusNotFound)
		}
		fmt.Fprint(w, r.Host, " ", r.RequestURI)
	}))
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	paths := supervisor.DefaultPaths()
	paths.Run = dir
	get := func(path string) (string, string, int) {
		var o, e bytes.Buffer
		c := command{getenv: func(k string) string { return map[string]string{"DOMAIN": "*.example.com, b.example"}[k] }, out: &o, err: &e,
			signals: make(chan os.Signal), paths: paths}
		err := c.run(t.Context(), []string{"get", "--preview", path})
		return o.String(), e.String(), supervisor.Code(err)
	}
	out, errs, code := get("/x?y=1")
	assert.Zero(t, code)
	assert.Equal(t, "www.example.com /x?y=1", out)
	assert.True(t, strings.HasPrefix(errs, "HTTP/1.1 200 OK\nContent-Length: "), errs)
	_, errs, code = get("/moved")
	assert.Zero(t, code, "a redirect is an answer")
	assert.Contains(t, errs, "Location: /elsewhere")
	out, _, code = get("/missing")
	assert.Equal(t, 1, code)
	assert.Equal(t, "www.example.com /missing", out, "the body is shown all the same")
}
