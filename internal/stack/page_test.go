package stack

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/env"
)

func TestEntranceOf(t *testing.T) {
	for name, c := range map[string]struct {
		change        func(*env.Settings)
		browser, dial string
	}{
		"dev":                 {func(s *env.Settings) {}, "http://localhost:8080", "127.0.0.1:8080"},
		"usual port":          {func(s *env.Settings) { s.HTTP.Bind, s.HTTP.Port = "0.0.0.0", 80 }, "http://localhost", "127.0.0.1:80"},
		"every IPv6 address":  {func(s *env.Settings) { s.HTTP.Bind = "::" }, "http://localhost:8080", "[::1]:8080"},
		"an IPv6 address":     {func(s *env.Settings) { s.HTTP.Bind, s.HTTP.Port = "fd00::1", 80 }, "http://[fd00::1]", "[fd00::1]:80"},
		"a name":              {func(s *env.Settings) { s.Gateway.Domains = []string{"a.example", "b.example"} }, "http://a.example:8080", "127.0.0.1:8080"},
		"both ways":           {func(s *env.Settings) { s.Gateway.TLS = "files" }, "http://localhost:8080", "127.0.0.1:8080"},
		"HTTPS":               {func(s *env.Settings) { s.Gateway.TLS, s.Gateway.Redirect = "acme", true }, "https://localhost", "127.0.0.1:443"},
		"HTTPS, another port": {func(s *env.Settings) { s.Gateway.TLS, s.Gateway.Redirect, s.HTTP.TLSPort = "local", true, 8443 }, "https://localhost:8443", "127.0.0.1:8443"},
		"redirect without it": {func(s *env.Settings) { s.Gateway.Redirect = true }, "http://localhost:8080", "127.0.0.1:8080"},
	} {
		s := &env.Settings{HTTP: env.HTTP{Bind: "127.0.0.1", Port: 8080, TLSPort: 443}, Gateway: env.Gateway{TLS: "off"}}
		c.change(s)
		e := entranceOf(s)
		assert.Equal(t, c.browser, e.browser, name)
		assert.Equal(t, c.dial, e.dial, name)
	}
}

// The page is asked for by the product's name, at this machine, whatever certificate is there.
func TestGetGoesToThisMachineByName(t *testing.T) {
	status, host := 200, ""
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host = r.Host + " " + r.TLS.ServerName
		if status == 302 {
			w.Header().Set("Location", "https://elsewhere.invalid/")
		}
		w.WriteHeader(status)
	}))
	defer server.Close()
	server.TLS.MinVersion = tls.VersionTLS12
	e := entrance{browser: "https://product.invalid:8443", dial: server.Listener.Addr().(*net.TCPAddr).String()}
	ask := func(answer int) error {
		status = answer
		return get(context.Background(), e.client(), e.browser+"/")
	}
	require.NoError(t, ask(200))
	assert.Equal(t, "product.invalid:8443 product.invalid", host)
	assert.NoError(t, ask(302), "an application may lead to its sign-in")
	assert.ErrorIs(t, ask(503), errUnavailable)
	assert.ErrorContains(t, ask(421), "421 Misdirected Request")
	assert.ErrorContains(t, ask(404), "404")
}
