//go:build integration

package gateway_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// secureHeaders are those of every answer, with a part of their values.
var secureHeaders = map[string]string{
	"X-Content-Type-Options":     "nosniff",
	"X-Frame-Options":            "SAMEORIGIN",
	"Referrer-Policy":            "strict-origin-when-cross-origin",
	"Permissions-Policy":         "camera=()",
	"Cross-Origin-Opener-Policy": "same-origin",
	"Content-Security-Policy":    "default-src 'self'; script-src 'self';",
	"X-Request-Id":               "",
	"Server":                     "nginx",
}

func assertSecure(t *testing.T, name string, r response) {
	t.Helper()
	for header, want := range secureHeaders {
		values := r.header.Values(header)
		if assert.Len(t, values, 1, "%s: %s (%d)", name, header, r.status) {
			assert.Contains(t, values[0], want, "%s: %s (%d)", name, header, r.status)
		}
	}
	assert.Equal(t, "nginx", r.header.Get("Server"), "%s: no version", name)
	assert.NotContains(t, r.body, "nginx", "%s: no banner", name)
}

// One add_header in a location removed every security header
// (h5bp/server-configs-nginx 193): each kind of answer is looked at, errors too.
func TestHeadersOfEveryAnswer(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--env", "BODY_LIMIT=1k", "--env", "BACKEND_TIMEOUT=1s")
	s.both()
	for _, c := range []struct {
		name   string
		answer response
		want   int
	}{
		{"page", s.do("GET", "/", nil, ""), 200},
		{"api", s.do("GET", "/api/x", nil, ""), 200},
		{"api's error", s.do("GET", "/api/x?status=500", nil, ""), 500},
		{"page's error", s.do("GET", "/x?status=404", nil, ""), 404},
		{"redirect", s.do("GET", "/x?status=302&header=Location:/y", nil, ""), 302},
		{"not modified", s.do("GET", "/x?status=304", nil, ""), 304},
		{"part", s.do("GET", "/x?status=206&header=Content-Range:bytes%200-2/9&size=3", nil, ""), 206},
		{"health", s.do("GET", "/healthz", nil, ""), 200},
		{"own 404", s.do("GET", "/.env", nil, ""), 404},
		{"own 400", s.do("GET", "/x/../api/y", nil, ""), 400},
		{"own 405", s.do("TRACE", "/", nil, ""), 405},
		{"asset by POST", s.do("POST", "/assets/x.js", nil, "x"), 405},
		{"missing asset", s.do("GET", "/assets/x.js?status=404", nil, ""), 404},
		{"own 413", s.do("POST", "/api/x", nil, strings.Repeat("x", 2000)), 413},
		{"own 502", s.do("GET", "/api/x?raw=HTTP/1.1", nil, ""), 502},
		{"own 502 of a page", s.do("GET", "/x?raw=HTTP/1.1", nil, ""), 502},
		{"own 504", s.do("GET", "/api/x?wait=3s", nil, ""), 504},
		{"bad request", s.do("GET", "/", map[string]string{"Host": "twice"}, ""), 400},
		{"large header", s.do("GET", "/", map[string]string{"X-Large": strings.Repeat("x", 20000)}, ""), 431},
		{"event stream", s.do("GET", "/api/x", map[string]string{"Accept": "text/event-stream"}, ""), 200},
		{"long path", s.do("GET", "/api/"+strings.Repeat("x", 20000), nil, ""), 414},
	} {
		assert.Equal(t, c.want, c.answer.status, c.name)
		assertSecure(t, c.name, c.answer)
		assert.Empty(t, c.answer.header.Values("Strict-Transport-Security"), c.name)
	}
	_, log := s.log()
	assert.NotContains(t, log, "uninitialized")
}
