package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProbe(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "q=1", r.URL.RawQuery)
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/ok", http.StatusFound) })
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	mux.HandleFunc("/{$}", func(http.ResponseWriter, *http.Request) {})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	require.NoError(t, err)

	for _, c := range []struct {
		port, path string
		code       int
		says       string
	}{
		{port, "/ok?q=1", 0, "answered 204"},
		{port, "", 0, "GET / answered 200"},
		{port, "/away", 1, "answered 302"},
		{port, "/broken", 1, "answered 503"},
		{port, "/none", 1, "answered 404"},
		{port, "ok", 1, "HEALTH_PATH"},
		{port, "/a b", 1, "HEALTH_PATH"},
		{port, "/a\r\nX: y", 1, "HEALTH_PATH"},
		{"", "/ok", 1, "PORT is"},
		{"0", "/ok", 1, "PORT is"},
		{"65536", "/ok", 1, "PORT is"},
		{"1", "/ok", 1, "nothing answers on port 1"},
	} {
		var out strings.Builder
		require.Equal(t, c.code, run(c.port, c.path, &out), "%s %s: %s", c.port, c.path, out.String())
		require.Contains(t, out.String(), c.says)
	}
}

// A server that takes the connection and then says nothing, or something else.
func TestProbeBadServer(t *testing.T) {
	for name, answer := range map[string]string{
		"silent": "", "not HTTP": "SSH-2.0-OpenSSH\r\n", "no code": "HTTP/1.1 abc\r\n", "endless line": strings.Repeat("x", 4096),
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			held := make(chan net.Conn, 1)
			go func() {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = c.Write([]byte(answer))
				held <- c
			}()
			t.Cleanup(func() {
				require.NoError(t, l.Close())
				_ = (<-held).Close()
			})
			_, port, err := net.SplitHostPort(l.Addr().String())
			require.NoError(t, err)
			_, err = probe(port, "/", 200*time.Millisecond)
			require.ErrorContains(t, err, "probe: ")
		})
	}
}

func FuzzParseStatus(f *testing.F) {
	for _, s := range []string{"HTTP/1.1 200 OK\r\n", "HTTP/1.0 404\n", "HTTP/1.1 20\n", "HTTP/2 200\n", "", "HTTP/1.1 +99 x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if code, err := parseStatus(line); err == nil && (code < 100 || code > 999) {
			t.Fatalf("%q: %d", line, code)
		}
	})
}
