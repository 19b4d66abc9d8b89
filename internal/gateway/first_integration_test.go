//go:build integration

package gateway_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// nginx used to exit, or `nginx -t` to fail, while an upstream's name did not
// resolve (nginx/docker-nginx 127, 669; NginxProxyManager 2359).
func TestStartsWithoutApplications(t *testing.T) {
	t.Parallel()
	s := newSite(t)

	page := s.do("GET", "/", nil, "")
	assert.Equal(t, 502, page.status)
	assert.Contains(t, page.header.Get("Content-Type"), "text/html")
	assert.Contains(t, page.body, "Back in a moment")
	assert.NotRegexp(t, `(src|href)=|url\(`, page.body, "the page must not need anything else")
	assert.Equal(t, "5", page.header.Get("Retry-After"))
	assert.Equal(t, "no-store", page.header.Get("Cache-Control"))

	post := s.do("POST", "/form", nil, "x=1")
	assert.Equal(t, 502, post.status)
	assert.Contains(t, post.body, "Back in a moment")

	api := s.do("GET", "/api/notes", nil, "")
	assert.Equal(t, 502, api.status)
	assert.Equal(t, "application/json", api.header.Get("Content-Type"))
	var failure struct {
		Error struct {
			Code, Message string
			RequestID     string `json:"request_id"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(api.body), &failure))
	assert.Equal(t, "unavailable", failure.Error.Code)
	assert.Equal(t, api.header.Get("X-Request-ID"), failure.Error.RequestID)

	// The same check that runs at start, in a container without any network.
	out, err := exec.Command("docker", append(append([]string{"run", "--rm", "--network", "none", "--read-only",
		"--tmpfs", "/tmp"}, labels(t)...), gatewayImage(t), "nginx-test")...).CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "test is successful")

	// One application comes: it serves, whatever the other does.
	s.app("backend-blue", "backend")
	s.until("the backend is found", func() bool { return s.identity("/api/x") == "backend" })
	assert.Equal(t, 502, s.do("GET", "/", nil, "").status)
	s.app("frontend-blue", "frontend")
	s.until("the frontend is found", func() bool { return s.identity("/") == "frontend" })
}

// A backend that was made anew got 502 for ever (NginxProxyManager 5602), and one
// that took over another container's address got its requests (bytedance/deer-flow 1516).
func TestFollowsNewAddresses(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	backend := s.app("backend-blue", "backend-1")
	frontend := s.app("frontend-blue", "frontend-1")
	s.until("both answer", func() bool {
		return s.identity("/api/x") == "backend-1" && s.identity("/") == "frontend-1"
	})
	address := func(c string) string {
		return docker(t, "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", c)
	}
	was := address(backend)

	docker(t, "stop", "--time", "0", backend, frontend)
	docker(t, "rm", backend, frontend)
	frontend = s.app("frontend-blue", "frontend-2")
	backend = s.app("backend-blue", "backend-2")
	require.Equal(t, was, address(frontend), "the frontend must have the backend's former address for this to prove anything")
	require.NotEqual(t, was, address(backend))

	s.until("both are followed", func() bool {
		return s.identity("/api/x") == "backend-2" && s.identity("/") == "frontend-2"
	})
	for range 50 {
		require.Equal(t, "backend-2", s.identity("/api/x"))
		require.Equal(t, "frontend-2", s.identity("/"))
	}
}

// The path after /api was lost, or arrived with a doubled slash (NixOS/nixpkgs
// 517476, owntracks/frontend 63); a location's edge let a path climb out (MemberMatters 109).
func TestPathsArriveUnchanged(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.both()
	for _, c := range []struct{ target, id string }{
		{"/api", "backend"},
		{"/api?q=1", "backend"},
		{"/api/", "backend"},
		{"/api/x?q=1", "backend"},
		{"/api/x/?", "backend"},
		{"/api//x", "backend"},
		{"/api/%2F..", "backend"},
		{"/api/a%2Fb%20c%3Fd", "backend"},
		{"/api/x?next=/api/../etc&y=a+b%20c;d", "backend"},
		{"/api/%E4%BD%A0/\"quoted\"|x", "backend"},
		{"/api/.env", "backend"}, // the application's own business
		{"/api/a/./b/../c", "backend"},
		{"/apix", "frontend"},
		{"/api.json", "frontend"},
		{"/API/x", "frontend"},
		{"/", "frontend"},
		{"/deep/link?x=1", "frontend"},
		{"/x//y", "frontend"},
		{"/.well-known/security.txt", "frontend"},
	} {
		r := s.do("GET", c.target, nil, "")
		assert.Equal(t, 200, r.status, c.target)
		assert.Equal(t, c.id, r.echo().ID, c.target)
		assert.Equal(t, c.target, r.echo().Target, c.target)
	}
	// Two readings of one path: refused.
	for _, target := range []string{"/api/..", "/api/../x", "/api/%2e%2e/x", "/x/../api/y", "/x/..%2Fapi/y", "/%61pi/x", "/api/x/../../y"} {
		assert.Equal(t, 400, s.do("GET", target, nil, "").status, target)
	}
	for _, target := range []string{"/.env", "/.git/config", "/x/.htpasswd", "/%2egit/config", "/.gateway/unavailable.html"} {
		r := s.do("GET", target, nil, "")
		assert.Equal(t, 404, r.status, target)
		assert.Contains(t, r.body, "nothing at this address", target)
	}
}

// One add_header in a location removed every security header
// (h5bp/server-configs-nginx 193): each kind of answer is looked at, errors too.
func TestHeadersOfEveryAnswer(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--env", "BODY_LIMIT=1k")
	s.both()
	for name, r := range map[string]response{
		"page":          s.do("GET", "/", nil, ""),
		"api":           s.do("GET", "/api/x", nil, ""),
		"api's error":   s.do("GET", "/api/x?status=500", nil, ""),
		"page's error":  s.do("GET", "/x?status=404", nil, ""),
		"redirect":      s.do("GET", "/x?status=302&header=Location:/y", nil, ""),
		"not modified":  s.do("GET", "/x?status=304", nil, ""),
		"health":        s.do("GET", "/healthz", nil, ""),
		"own 404":       s.do("GET", "/.env", nil, ""),
		"own 400":       s.do("GET", "/x/../api/y", nil, ""),
		"own 413":       s.do("POST", "/api/x", nil, strings.Repeat("x", 2000)),
		"own 405":       s.do("TRACE", "/", nil, ""),
		"bad request":   s.do("GET", "/", map[string]string{"Host": "twice"}, ""),
		"large header":  s.do("GET", "/", map[string]string{"X-Large": strings.Repeat("x", 20000)}, ""),
		"event stream":  s.do("GET", "/api/x", map[string]string{"Accept": "text/event-stream"}, ""),
		"long api path": s.do("GET", "/api/"+strings.Repeat("x", 20000), nil, ""),
	} {
		for header, want := range map[string]string{
			"X-Content-Type-Options":     "nosniff",
			"X-Frame-Options":            "SAMEORIGIN",
			"Referrer-Policy":            "strict-origin-when-cross-origin",
			"Permissions-Policy":         "camera=()",
			"Cross-Origin-Opener-Policy": "same-origin",
			"Content-Security-Policy":    "default-src 'self'; script-src 'self';",
			"X-Request-Id":               "",
			"Server":                     "nginx",
		} {
			require.Len(t, r.header.Values(header), 1, "%s: %s (%d)", name, header, r.status)
			assert.Contains(t, r.header.Get(header), want, name)
		}
		assert.Equal(t, "nginx", r.header.Get("Server"), "%s: no version", name)
		assert.NotContains(t, r.body, "nginx/", name)
	}
	// An application that says something itself is believed, once.
	own := s.do("GET", "/x?header="+url.QueryEscape("Content-Security-Policy:default-src 'none'")+
		"&header=X-Frame-Options:DENY&header=Cache-Control:max-age=9&status=404", nil, "")
	assert.Equal(t, []string{"default-src 'none'"}, own.header.Values("Content-Security-Policy"))
	assert.Equal(t, []string{"DENY"}, own.header.Values("X-Frame-Options"))
	assert.Equal(t, []string{"max-age=9"}, own.header.Values("Cache-Control"))
	assert.Empty(t, s.do("GET", "/x?header=X-Powered-By:PHP", nil, "").header.Values("X-Powered-By"))
	// A success keeps the application's silence about caching.
	assert.Empty(t, s.do("GET", "/x", nil, "").header.Values("Cache-Control"))
}

func TestDevPolicyAllowsTheDevServer(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--env", "APP_ENV=dev")
	s.both()
	csp := s.do("GET", "/", nil, "").header.Get("Content-Security-Policy")
	assert.Contains(t, csp, "'unsafe-inline' 'unsafe-eval'")
	assert.Contains(t, csp, "connect-src 'self' ws:")
	assert.Equal(t, "frontend", s.identity("/node_modules/.vite/deps/x.js"))
	assert.Equal(t, 404, s.do("GET", "/.env", nil, "").status)
}

func TestWhatApplicationsLearn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.both()
	forged := map[string]string{
		"X-Forwarded-For": "1.2.3.4", "X-Real-IP": "1.2.3.4", "X-Forwarded-Proto": "https",
		"X-Forwarded-Host": "evil.example", "Forwarded": "for=1.2.3.4", "Proxy": "http://evil.example",
	}
	got := s.do("GET", "/api/x", forged, "").echo().Header
	for name := range forged {
		for _, value := range got.Values(name) {
			assert.NotContains(t, value, "1.2.3.4", name)
			assert.NotContains(t, value, "evil", name)
		}
	}
	assert.Equal(t, "http", got.Get("X-Forwarded-Proto"))
	assert.Equal(t, "product.example:8080", got.Get("X-Forwarded-Host"))
	assert.NotEmpty(t, got.Get("X-Real-Ip"))

	fresh := s.do("GET", "/api/x", nil, "")
	assert.Regexp(t, `^[0-9a-f]{32}$`, fresh.header.Get("X-Request-ID"))
	assert.Equal(t, fresh.header.Get("X-Request-ID"), fresh.echo().Header.Get("X-Request-ID"))
	given := s.do("GET", "/api/x", map[string]string{"X-Request-ID": "trace-0123456789"}, "")
	assert.Equal(t, "trace-0123456789", given.header.Get("X-Request-ID"))
	assert.Equal(t, "trace-0123456789", given.echo().Header.Get("X-Request-ID"))
	odd := s.do("GET", "/api/x", map[string]string{"X-Request-ID": `"><script>`}, "")
	assert.Regexp(t, `^[0-9a-f]{32}$`, odd.header.Get("X-Request-ID"))

	// One JSON object a request, without the query.
	s.do("GET", "/api/log-me?token=secret", map[string]string{"X-Request-ID": "log-0123456789", "User-Agent": `a"b\c`}, "")
	var line struct {
		Path      string `json:"path"`
		Status    int    `json:"status"`
		UserAgent string `json:"user_agent"`
	}
	s.until("the request is logged", func() bool {
		for l := range strings.Lines(docker(t, "logs", s.gateway)) {
			if strings.Contains(l, "log-0123456789") {
				require.NoError(t, json.Unmarshal([]byte(l), &line), l)
				assert.NotContains(t, l, "secret")
				return true
			}
		}
		return false
	})
	assert.Equal(t, "/api/log-me", line.Path)
	assert.Equal(t, 200, line.Status)
	assert.Equal(t, `a"b\c`, line.UserAgent)
}

func TestTrustedProxyIsBelieved(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--env", "TRUSTED_PROXIES=10.0.0.0/8, 172.16.0.0/12,192.168.0.0/16")
	s.both()
	got := s.do("GET", "/api/x", map[string]string{"X-Forwarded-For": "1.2.3.4, 203.0.113.9", "X-Forwarded-Proto": "https"}, "").echo().Header
	assert.Equal(t, "203.0.113.9", got.Get("X-Forwarded-For"), "the last address that no trusted proxy has")
	assert.Equal(t, "https", got.Get("X-Forwarded-Proto"))
}

// gzip was on, one type was missing, and scripts went uncompressed (SteveLTN/https-portal 135).
func TestCompressesEveryKindOfText(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.both()
	accept := map[string]string{"Accept-Encoding": "gzip"}
	get := func(path, contentType string) response {
		return s.do("GET", path+"?size=5000&type="+url.QueryEscape(contentType), accept, "")
	}
	for _, contentType := range []string{
		"text/html", "text/html; charset=utf-8", "text/css", "text/javascript", "application/javascript", "application/json",
		"application/manifest+json", "application/problem+json", "application/wasm", "image/svg+xml", "image/x-icon",
		"text/plain", "text/xml", "application/xml", "font/ttf", "font/otf", "text/csv", "application/rss+xml",
	} {
		for _, path := range []string{"/asset", "/api/x"} {
			r := get(path, contentType)
			assert.Equal(t, "gzip", r.header.Get("Content-Encoding"), "%s %s", path, contentType)
			assert.Equal(t, "Accept-Encoding", r.header.Get("Vary"), "%s %s", path, contentType)
		}
	}
	for _, contentType := range []string{"image/png", "font/woff2", "application/zip", "video/mp4"} {
		assert.Empty(t, get("/asset", contentType).header.Get("Content-Encoding"), contentType)
	}
	assert.Empty(t, s.do("GET", "/asset?size=100", accept, "").header.Get("Content-Encoding"), "too small to be worth it")
}

// A read-only root left nginx nowhere to put a large body (docker-nginx-unprivileged
// 175); the limit is one setting (nginx-proxy 912).
func TestLargeBodies(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--env", "BODY_LIMIT=8m")
	s.both()
	for _, path := range []string{"/api/upload", "/upload"} {
		r := s.do("POST", path, nil, strings.Repeat("x", 8<<20))
		require.Equal(t, 200, r.status, path)
		assert.EqualValues(t, 8<<20, r.echo().BodyBytes, path)
		assert.Equal(t, 413, s.do("POST", path, nil, strings.Repeat("x", 8<<20+1)).status, path)
	}
	refused := s.do("POST", "/api/upload", nil, strings.Repeat("x", 9<<20))
	assert.Contains(t, refused.body, `"code":"too_large"`)
	// A large answer to a slow reader is buffered in a file.
	assert.Len(t, s.do("GET", "/big?size=20000000&type=image/png", nil, "").body, 20000000)
}

func TestRefusesBadSettings(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("docker", append(append([]string{"run", "--rm", "--network", "none",
		"--env", "ACTIVE_COLOUR=red", "--env", "BACKEND_PORT=80;", "--env", "FRONTEND_PORT=70000",
		"--env", "BODY_LIMIT=10m;}", "--env", "APP_ENV=staging", "--env", "RESOLVER=dns example", "--env", "TRUSTED_PROXIES=a;b"},
		labels(t)...), gatewayImage(t))...).CombinedOutput()
	require.Error(t, err)
	for _, name := range []string{"ACTIVE_COLOUR", "BACKEND_PORT", "FRONTEND_PORT", "BODY_LIMIT", "APP_ENV", "RESOLVER", "TRUSTED_PROXIES"} {
		assert.Contains(t, string(out), name, "all problems at once")
	}
}

// The number of workers came from the host's processors, under a small memory
// limit (nginx-gateway-fabric 5374).
func TestWorkersFitTheContainer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		options []string
		want    int
	}{
		{[]string{"--cpus", "1"}, 1},
		{[]string{"--cpus", "0.2"}, 1},
		{[]string{"--cpus", "1.5"}, 2},
		{[]string{"--cpus", "2", "--memory", "48m"}, 1},
	} {
		s := newSite(t, c.options...)
		assert.Equal(t, c.want, strings.Count(docker(t, "top", s.gateway), "worker process"), "%v", c.options)
	}
}

func TestStreamsAreNotHeldBack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.both()
	for _, c := range []struct{ path, accept string }{
		{"/api/stream", "text/event-stream"},
		{"/api/stream", "*/*"},
		{"/stream", "text/event-stream"},
	} {
		req, err := http.NewRequestWithContext(s.context(10*time.Second), "GET", s.url(c.path), nil)
		require.NoError(t, err)
		req.Header.Set("Accept", c.accept)
		res, err := s.client().Do(req)
		require.NoError(t, err, "%v", c)
		require.Equal(t, 200, res.StatusCode)
		lines := bufio.NewScanner(res.Body)
		began := time.Now()
		for lines.Scan() && lines.Text() != "data: 3" {
		}
		require.NoError(t, lines.Err())
		assert.Less(t, time.Since(began), 3*time.Second, "%v", c)
		require.NoError(t, res.Body.Close())
	}
}

// Each reload dropped open WebSockets (kubernetes/ingress-nginx 2461).
func TestWebSocketSurvivesReload(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.both()
	for _, path := range []string{"/api/socket", "/hmr"} {
		conn, err := net.Dial("tcp", s.addr)
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
		_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", path)
		require.NoError(t, err)
		in := bufio.NewReader(conn)
		res, err := http.ReadResponse(in, nil)
		require.NoError(t, err)
		require.Equal(t, 101, res.StatusCode, path)
		say := func(text string) {
			_, err := io.WriteString(conn, text)
			require.NoError(t, err, path)
			got := make([]byte, len(text))
			_, err = io.ReadFull(in, got)
			require.NoError(t, err, path)
			require.Equal(t, text, string(got))
		}
		say("before")
		docker(t, "exec", s.gateway, "nginx", "-e", "stderr", "-s", "reload")
		s.until("new workers serve", func() bool { return s.identity("/") == "frontend" })
		say("after")
	}
}

// A reload closed idle connections just when a POST arrived on one (nginx PR 437).
func TestReloadsLoseNoRequest(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.both()
	done := make(chan struct{})
	failed := make(chan error, 1)
	var sent int
	go func() {
		defer close(failed)
		c := s.client()
		for {
			select {
			case <-done:
				return
			default:
			}
			// A body without GetBody: Go's client may not send it twice.
			req, err := http.NewRequest("POST", s.url("/api/x"), io.MultiReader(strings.NewReader("body")))
			if err == nil {
				req.ContentLength = 4
				var res *http.Response
				if res, err = c.Do(req); err == nil {
					_, err = io.Copy(io.Discard, res.Body)
					res.Body.Close()
					if err == nil && res.StatusCode != 200 {
						err = fmt.Errorf("status %d after %d requests", res.StatusCode, sent)
					}
				}
			}
			if err != nil {
				failed <- err
				return
			}
			sent++
		}
	}()
	for range 25 {
		docker(t, "exec", s.gateway, "nginx", "-e", "stderr", "-s", "reload")
	}
	close(done)
	require.NoError(t, <-failed)
	assert.Greater(t, sent, 100)
}

// Another member is asked when one fails, but no POST is ever sent twice.
func TestRetriesOnlyWhatIsSafe(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.app("backend-blue", "good")
	s.app("backend-blue", "bad", "--env", "FAULT=reset")
	s.until("the good one is a member", func() bool { return s.identity("/api/x") == "good" })
	refused := map[string]bool{}
	s.until("a POST fails, so both are members", func() bool {
		body := "post-" + randomHex(4)
		refused[body] = s.do("POST", "/api/x", nil, body).status != 200
		return refused[body]
	})
	for i := range 40 {
		require.Equal(t, 200, s.do("GET", "/api/x", nil, "").status, "GET %d", i)
	}
	var seen []string
	require.NoError(t, json.Unmarshal([]byte(s.do("GET", "/api/seen", nil, "").body), &seen))
	for _, body := range seen {
		assert.False(t, refused[body], "%s was answered with an error and carried out", body)
	}
}

// Three settings keep upstream connections open only together: a fraction of
// a percent of the requests may open one.
func TestReusesUpstreamConnections(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--cpus", "1")
	s.both()
	for _, path := range []string{"/api/x", "/x"} {
		c := s.client()
		connections := map[string]bool{}
		for range 600 {
			res, err := c.Get(s.url(path))
			require.NoError(t, err)
			var e echoed
			require.NoError(t, json.NewDecoder(res.Body).Decode(&e))
			require.NoError(t, res.Body.Close())
			connections[e.Remote] = true
		}
		assert.Less(t, len(connections), 6, path)
	}
}
