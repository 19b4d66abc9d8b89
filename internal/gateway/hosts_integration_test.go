//go:build integration

package gateway_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A host that is not ours gets nothing of the product, in whatever form it is named.
func TestUnknownHostsAreRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--env", "DOMAIN=product.example, *.shop.example")
	s.both()
	ask := func(target, host string) response {
		r, err := s.raw("GET", fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", target, host))
		require.NoError(t, err, "%s %s", target, host)
		return r
	}
	for _, host := range []string{"product.example", "product.example:8080", "PRODUCT.example", "product.example.", "a.shop.example"} {
		assert.Equal(t, 200, ask("/api/x", host).status, host)
	}
	for _, host := range []string{"evil.example", "127.0.0.1", "127.0.0.1:9180", "localhost:9180", "[::1]", "shop.example", "backend-blue.pool",
		"product.example.evil.example", "127.0.0.2:8080", "_"} {
		page := ask("/", host)
		assert.Equal(t, 421, page.status, host)
		assert.Contains(t, page.body, "This host is not served here", host)
		assert.Contains(t, page.header.Get("Content-Type"), "text/html", host)
		assertSecure(t, "421 "+host, page)
		api := ask("/api/x", host)
		assert.Equal(t, 421, api.status, host)
		code, _, _ := api.failure()
		assert.Equal(t, "unknown_host", code, host)
	}
	assert.Equal(t, 200, ask("/healthz", "127.0.0.1").status, "health checks come by address")

	// The address in the request's first line counts (RFC 9112, 3.2.2).
	assert.Equal(t, 421, ask("http://evil.example/api/x", "product.example").status)
	assert.Equal(t, 200, ask("http://product.example/api/x", "evil.example").status)
	for _, header := range []string{"evil.example", "evil.example:1337", "product.example:1337"} {
		got := ask("http://product.example/api/x", header).echo()
		assert.Equal(t, "product.example", got.Host, header)
		assert.Equal(t, "product.example", got.Header.Get("X-Forwarded-Host"), header)
	}
}

// The supervisor's port and sockets, and the address of empty pools, are not for clients.
func TestSupervisorIsOutOfReach(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.both()
	for _, target := range []string{"/state", "/metrics", "/generation", "/stub_status", "/switch", "/admin.sock", "/tmp/gateway/admin.sock",
		"http://127.0.0.1:9180/state", "http://localhost:9180/metrics", "http://unix:/tmp/gateway/admin.sock/state", "/http://127.0.0.1:9180/state",
		"//127.0.0.1:9180/state", "/@127.0.0.1:9180/state", "http://backend-blue.pool:9180/state", "/:9180/state"} {
		for _, host := range []string{"product.example", "127.0.0.1:9180", "localhost:9180", "127.0.0.1@evil:9180", "unix:/tmp/gateway/status.sock"} {
			r, err := s.raw("GET", fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", target, host))
			require.NoError(t, err)
			if r.status == 200 {
				assert.Contains(t, []string{"frontend", "backend"}, r.echo().ID, "%s %s: only applications answer", target, host)
			} else {
				assert.Equal(t, 400, r.status, "%s %s", target, host)
			}
			assert.NotContains(t, r.body, "drydock_gateway", "%s %s", target, host)
		}
	}
	for _, text := range []string{"CONNECT 127.0.0.1:9180 HTTP/1.1\r\nHost: 127.0.0.1:9180\r\n\r\n", "CONNECT product.example:443 HTTP/1.1\r\nHost: product.example\r\n\r\n"} {
		r, err := s.raw("CONNECT", text)
		require.NoError(t, err)
		assert.Contains(t, []int{400, 405}, r.status)
		assertSecure(t, "CONNECT", r)
	}
}
