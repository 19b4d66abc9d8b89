package main

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"drydock/backend/internal/config"
)

// run runs the program on a map as its environment.
func run(t *testing.T, env map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	p := program{
		source: config.Source{Lookup: func(name string) (string, bool) { v, ok := env[name]; return v, ok }},
		stdout: &out,
		stderr: &errs,
	}
	code = p.run(t.Context(), args)
	return code, out.String(), errs.String()
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"nonsense"}, {"serve", "x"}, {"migrate"}, {"migrate", "sideways"}, {"migrate", "down-to"}, {"migrate", "down-to", "x"}, {"healthcheck", "x"}} {
		code, stdout, stderr := run(t, nil, args...)
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, "usage:") {
			t.Errorf("%q: got %d, %q, %q", args, code, stdout, stderr)
		}
	}
	if code, stdout, stderr := run(t, nil, "--help"); code != exitOK || stdout != usage || stderr != "" {
		t.Errorf("got %d, %q, %q", code, stdout, stderr)
	}
}

func TestWrongSettingsStartNothing(t *testing.T) {
	for _, args := range [][]string{{}, {"serve"}, {"migrate", "up"}} {
		code, _, stderr := run(t, map[string]string{"PORT": "x", "DB_PASSWORD": "CANARY"}, args...)
		if code != exitUsage || strings.Count(stderr, "settings: ") != 3 || strings.Contains(stderr, "CANARY") {
			t.Errorf("%q: got %d, %q", args, code, stderr)
		}
	}
}

func TestVersionCommand(t *testing.T) {
	code, stdout, _ := run(t, map[string]string{"APP_VERSION": "v1.2.3"}, "version")
	if code != exitOK || !strings.HasPrefix(stdout, "v1.2.3 go1.") {
		t.Errorf("got %d, %q", code, stdout)
	}
}

func TestHealthcheckCommand(t *testing.T) {
	status := http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/up" {
			status = http.StatusNotFound
		}
		w.WriteHeader(status)
	}))
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"PORT": port, "HEALTH_PATH": "/up"}
	if code, _, stderr := run(t, env, "healthcheck"); code != exitOK {
		t.Errorf("got %d, %q", code, stderr)
	}
	status = http.StatusServiceUnavailable
	if code, _, stderr := run(t, env, "healthcheck"); code != exitFailed || !strings.Contains(stderr, "503") {
		t.Errorf("got %d, %q", code, stderr)
	}
	srv.Close()
	if code, _, stderr := run(t, env, "healthcheck"); code != exitFailed || !strings.Contains(stderr, "refused") {
		t.Errorf("got %d, %q", code, stderr)
	}
}
