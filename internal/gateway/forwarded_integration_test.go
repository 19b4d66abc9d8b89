//go:build integration

package gateway_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWhatApplicationsLearn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.both()
	forged := map[string]string{
		"X-Forwarded-For": "1.2.3.4", "X-Real-IP": "1.2.3.4", "X-Forwarded-Proto": "https",
		"X-Forwarded-Host": "evil.example", "Forwarded": "for=1.2.3.4", "Proxy": "http://evil.example",
		"X_Forwarded_For": "1.2.3.4", // read as the same by CGI and its heirs
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
	assert.Equal(t, "product.example:8080", s.do("GET", "/api/x", nil, "").echo().Host)

	fresh := s.do("GET", "/api/x", nil, "")
	assert.Regexp(t, `^[0-9a-f]{32}$`, fresh.header.Get("X-Request-ID"))
	assert.Equal(t, fresh.header.Get("X-Request-ID"), fresh.echo().Header.Get("X-Request-ID"))
	given := s.do("GET", "/api/x", map[string]string{"X-Request-ID": "trace-0123456789"}, "")
	assert.Equal(t, []string{"trace-0123456789"}, given.header.Values("X-Request-ID"))
	assert.Equal(t, "trace-0123456789", given.echo().Header.Get("X-Request-ID"))
	for _, bad := range []string{`"><script>`, "short", strings.Repeat("x", 65), "a b c d e f g h"} {
		odd := s.do("GET", "/api/x", map[string]string{"X-Request-ID": bad}, "")
		assert.Regexp(t, `^[0-9a-f]{32}$`, odd.header.Get("X-Request-ID"), bad)
	}

	// Only a WebSocket may be upgraded to. With h2c, a client talked to the backend past
	// every rule of the proxy between them.
	for _, accept := range []string{"*/*", "text/event-stream"} {
		h2c := s.do("GET", "/api/x", map[string]string{"Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAARAAAAAAAIAAAAA",
			"Connection": "Upgrade, HTTP2-Settings", "Accept": accept}, "").echo().Header
		assert.Empty(t, h2c.Values("Upgrade"))
		assert.Empty(t, h2c.Values("Connection"))
	}
}

func TestTrustedProxyIsBelieved(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--env", "TRUSTED_PROXIES=10.0.0.0/8, 172.16.0.0/12,192.168.0.0/16", "--env", "HSTS=24h")
	s.both()
	ask := func(for_, proto string) response {
		return s.do("GET", "/api/x", map[string]string{"X-Forwarded-For": for_, "X-Forwarded-Proto": proto}, "")
	}
	r := ask("1.2.3.4, 203.0.113.9", "https")
	got := r.echo().Header
	assert.Equal(t, "203.0.113.9", got.Get("X-Forwarded-For"), "the last address that no trusted proxy has")
	assert.Equal(t, "203.0.113.9", got.Get("X-Real-Ip"))
	assert.Equal(t, "https", got.Get("X-Forwarded-Proto"))
	assert.Equal(t, "max-age=86400; includeSubDomains", r.header.Get("Strict-Transport-Security"))

	assert.Equal(t, "203.0.113.9", ask("6.6.6.6, 203.0.113.9, 10.0.0.7, 10.0.0.8", "http").echo().Header.Get("X-Forwarded-For"), "a chain of proxies")
	assert.Equal(t, "2001:db8::7", ask("2001:db8::7", "http").echo().Header.Get("X-Forwarded-For"))
	odd := ask("rubbish", "javascript")
	assert.NotEqual(t, "rubbish", odd.echo().Header.Get("X-Forwarded-For"))
	assert.Equal(t, "http", odd.echo().Header.Get("X-Forwarded-Proto"))
	assert.Empty(t, odd.header.Get("Strict-Transport-Security"))
}
