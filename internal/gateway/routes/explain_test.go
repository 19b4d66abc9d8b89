package routes_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/gateway/lint/conf"
	"drydock/internal/gateway/routes"
	"drydock/internal/testkit"
)

func load(t testing.TB, text string) *conf.Config {
	t.Helper()
	cfg, err := conf.Load(fstest.MapFS{"nginx.conf": {Data: []byte(text)}}, conf.Options{})
	require.NoError(t, err)
	require.Empty(t, cfg.Problems)
	return cfg
}

// The answers to the integration test's requests, without nginx: what changes here
// must be shown to the real one.
func TestExplainGolden(t *testing.T) {
	cfg := fixture(t)
	var b strings.Builder
	for _, r := range requests() {
		e := routes.Explain(cfg, r)
		b.WriteString(r.Method + " " + r.Host + " " + strings.ReplaceAll(r.URI, "\n", "\\n") + "\n    " + strings.ReplaceAll(e.Outcome(), "\n", `\n`) + "\n")
	}
	testkit.Golden(t, "explain.golden", []byte(b.String()))
}

func TestTableGolden(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, routes.WriteTable(&b, routes.Table(fixture(t))))
	testkit.Golden(t, "table.golden", b.Bytes())
}

func TestExplainSaysWhatItDependsOn(t *testing.T) {
	cfg := load(t, `
events {}
http {
    geo $blocked { default 0; 10.0.0.0/8 1; }
    map $remote_addr $where { default a; 10.0.0.1 b; }
    upstream a { server 127.0.0.1:1; }
    upstream b { server 127.0.0.1:2; }
    server {
        listen 80;
        root /srv;
        location /geo { if ($blocked) { return 403; } return 200 "in"; }
        location /up/ { proxy_pass http://$where; }
        location /spa/ { try_files $uri $uri/ /index.html; }
        location ~ ^/up/(?>atomic) { return 200; }
        location /basic { auth_basic "x"; }
        location /js { js_content main.hello; }
    }
}`)
	e := routes.Explain(cfg, routes.Request{Host: "x", URI: "/geo"})
	assert.Equal(t, routes.Unknown, e.Kind)
	assert.Equal(t, "$blocked", e.Depends)
	assert.Equal(t, 11, e.Location.Line)

	e = routes.Explain(cfg, routes.Request{Host: "x", URI: "/up/x%2Fy?q"})
	assert.Equal(t, routes.Unknown, e.Kind, "the pattern before it cannot be judged")
	assert.Contains(t, e.Depends, "(?>atomic)")

	cfg = load(t, "events {}\nhttp {\n map $remote_addr $where { default a; 10.0.0.1 b; }\n server { listen 80; root /srv; location /up/ { proxy_pass http://$where; }\n location /spa/ { try_files $uri $uri/ /index.html; } } }")
	e = routes.Explain(cfg, routes.Request{Host: "x", URI: "/up/x%2Fy?q"})
	assert.Equal(t, routes.Proxy, e.Kind)
	assert.Equal(t, "$where (by $remote_addr)", e.Depends)
	assert.Equal(t, "/up/x%2Fy?q", e.URI)

	e = routes.Explain(cfg, routes.Request{Host: "x", URI: "/spa/a"})
	assert.Equal(t, routes.Static, e.Kind)
	assert.Equal(t, "/srv/spa/a", e.File)
	last := e.Otherwise
	for last.Otherwise != nil {
		last = last.Otherwise
	}
	assert.Equal(t, "/srv/index.html", last.File)
	assert.Contains(t, e.String(), "otherwise")
	text, err := json.Marshal(e)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"kind":"static"`)
}

// A server at 127.0.0.2 that stands in for an empty pool is not the site, even if it
// has the same port and comes first.
func TestServersOfTheMachineItselfAreNotAsked(t *testing.T) {
	cfg := load(t, `events {}
http {
    server { listen 127.0.0.2:8080 default_server; return 503; }
    server { listen 8080; server_name site.example; return 200 "site"; }
    server { listen 127.0.0.1:9000; return 200 "inside"; }
}`)
	e := routes.Explain(cfg, routes.Request{Host: "other", URI: "/"})
	assert.Equal(t, 8080, e.Request.Port)
	assert.Equal(t, "site", e.Body)
	assert.Equal(t, "inside", routes.Explain(cfg, routes.Request{Host: "x", URI: "/", Port: 9000}).Body)
	e = routes.Explain(cfg, routes.Request{Host: "x", URI: "/", Scheme: "https"})
	assert.Equal(t, routes.Unknown, e.Kind)
	assert.Contains(t, e.Depends, "none listens at port 443")
}

func TestNormalize(t *testing.T) {
	for _, c := range []struct {
		in, path, args string
		ok             bool
	}{
		{"/", "/", "", true},
		{"/a//b", "/a/b", "", true},
		{"/a/../b?x", "/b", "x", true},
		{"/%2e%2e/b", "", "", false},
		{"/a/%2e%2e", "/", "", true},
		{"/a%2Fb", "/a/b", "", true},
		{"/a%3Fb?c", "/a?b", "c", true},
		{"/a%252e", "/a%2e", "", true},
		{"/a/.", "/a/", "", true},
		{"/%00", "", "", false},
		{"/%4", "", "", false},
		{"/..", "", "", false},
		{"/a b", "", "", false},
	} {
		path, args, ok := routes.Normalize(c.in, true)
		assert.Equal(t, c, struct {
			in, path, args string
			ok             bool
		}{c.in, path, args, ok})
	}
}

func FuzzExplain(f *testing.F) {
	for _, r := range requests() {
		f.Add(r.Host, r.URI)
	}
	cfg := fixture(f)
	f.Fuzz(func(t *testing.T, host, uri string) {
		e := routes.Explain(cfg, routes.Request{Host: host, URI: uri})
		if e.Kind == "" {
			t.Fatalf("no outcome for %q %q", host, uri)
		}
		_ = e.String()
	})
}
