//go:build integration

package routes_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/gateway/routes"
	"drydock/internal/image"
	"drydock/internal/testkit"
)

// A real nginx is the judge: what Explain says must be what it does.
func TestExplainIsWhatNginxDoes(t *testing.T) {
	t.Parallel()
	settings, err := env.Load(env.Source{Root: testkit.Root(t), Env: "dev", Environ: os.Environ(), ReadOnly: true})
	require.NoError(t, err)
	images, err := image.Build(context.Background(), image.BuildOptions{Settings: settings, Engine: testkit.Engine(t),
		Err: os.Stderr, Names: []string{"nginx-base"}, Stage: image.StageProd})
	require.NoError(t, err)
	text, err := os.ReadFile("testdata/nginx.conf")
	require.NoError(t, err)
	network := testkit.Network(t, false)
	c := testkit.Container(t, engine.Spec{
		Image: images[0].Ref, Env: []string{"CONF=" + string(text)}, ReadOnly: true, Tmpfs: map[string]string{"/tmp": "mode=1777"},
		Entrypoint: []string{"sh", "-c", `printf '%s' "$CONF" >/tmp/nginx.conf && exec nginx -e stderr -c /tmp/nginx.conf -g 'daemon off;'`},
		Attach:     []engine.Attach{{Network: network.Name}}, Publish: []engine.Port{{Container: 8080, HostIP: "127.0.0.1"}},
	})
	at, ok := c.Published(8080)
	require.True(t, ok)
	require.Eventually(t, func() bool {
		_, err := ask(at.String(), routes.Request{Method: "GET", Host: "a.example", URI: "/"})
		return err == nil
	}, 10*time.Second, 50*time.Millisecond, "nginx answers")

	cfg := fixture(t)
	for _, req := range requests() {
		got, err := ask(at.String(), req)
		require.NoError(t, err, "%+v", req)
		e := routes.Explain(cfg, req)
		want := fmt.Sprintf("%d ", e.Status)
		switch e.Kind {
		case routes.Return:
			want += e.Body
			if e.Body == "" {
				got.body = "" // nginx's own page
			}
		case routes.Redirect:
			want += e.To
			got.body = got.location
		case routes.Proxy:
			name := "up|" + req.Method + "|"
			if e.Upstream == "http://sockets" {
				name = "sockets|"
			}
			if e.Status == 0 {
				want = "200 "
			}
			want += name + e.URI
		case routes.Static:
			want = "404 "
			got.body = ""
		}
		assert.Equal(t, want, fmt.Sprintf("%d %s", got.status, got.body), "%s %s %s %v\n%s", req.Method, req.Host, req.URI, req.Headers, e)
	}
}

type answer struct {
	status         int
	body, location string
}

// ask writes the request line as it is.
func ask(addr string, r routes.Request) (answer, error) {
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return answer{}, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", r.Method, r.URI, r.Host)
	for name, value := range r.Headers {
		fmt.Fprintf(&b, "%s: %s\r\n", name, value)
	}
	if r.Method == "POST" {
		b.WriteString("Content-Length: " + strconv.Itoa(0) + "\r\n")
	}
	b.WriteString("\r\n")
	if _, err := io.WriteString(conn, b.String()); err != nil {
		return answer{}, err
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: r.Method})
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, string(body), res.Header.Get("Location")}, err
}
