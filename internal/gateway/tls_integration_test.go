//go:build integration

package gateway_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/testkit"
)

// handshake offers one version of TLS to a name.
func (s *site) handshake(name string, version uint16, protocols ...string) (tls.ConnectionState, error) {
	s.t.Helper()
	config := s.tlsConfig()
	config.ServerName, config.MinVersion, config.MaxVersion, config.NextProtos = name, version, version, protocols
	conn, err := tls.Dial("tcp", s.secure, config)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	return conn.ConnectionState(), nil
}

// Mozilla's two profiles, as a client meets them.
func TestTLSProfiles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		profile  string
		accepted []uint16
		refused  []uint16
	}{
		{"modern", []uint16{tls.VersionTLS13}, []uint16{tls.VersionTLS12, tls.VersionTLS11, tls.VersionTLS10}},
		{"intermediate", []uint16{tls.VersionTLS12, tls.VersionTLS13}, []uint16{tls.VersionTLS11, tls.VersionTLS10}},
	} {
		s := newSecureSite(t, []string{"product.example"}, "--env", "TLS_PROFILE="+c.profile)
		for _, version := range c.accepted {
			state, err := s.handshake("product.example", version, "h2", "http/1.1")
			if assert.NoError(t, err, "%s %s", c.profile, tls.VersionName(version)) {
				assert.Equal(t, version, state.Version)
				assert.Equal(t, "h2", state.NegotiatedProtocol)
			}
			state, err = s.handshake("product.example", version, "http/1.1")
			require.NoError(t, err)
			assert.Equal(t, "http/1.1", state.NegotiatedProtocol)
		}
		for _, version := range c.refused {
			_, err := s.handshake("product.example", version)
			assert.ErrorContains(t, err, "protocol version", "%s %s", c.profile, tls.VersionName(version))
		}
		if c.profile == "intermediate" { // forward secrecy and authenticated encryption, or nothing
			config := s.tlsConfig()
			config.MaxVersion = tls.VersionTLS12
			for _, suite := range []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA} {
				config.CipherSuites = []uint16{suite}
				_, err := tls.Dial("tcp", s.secure, config)
				assert.Error(t, err, tls.CipherSuiteName(suite))
			}
		}
	}
}

// A certificate that has ended is no reason to take the site away, not even at a start: who accepts it is served, plain
// HTTP is served, and what watches the gateway is told.
func TestServesWithAnExpiredCertificate(t *testing.T) {
	t.Parallel()
	made := time.Now().AddDate(-2, 0, 0)
	s := newSecureSiteOf(t, made, []string{"product.example"})
	s.both()
	assert.Equal(t, 200, s.do("GET", "/", nil, "").status)

	_, err := s.handshake("product.example", tls.VersionTLS13)
	var invalid x509.CertificateInvalidError
	require.ErrorAs(t, err, &invalid)
	assert.Equal(t, x509.Expired, invalid.Reason)
	c := s.http2()
	tr, ok := c.Transport.(*http.Transport)
	require.True(t, ok)
	tr.TLSClientConfig.Time = func() time.Time { return made } // a client that does not mind; it is the right one otherwise
	assert.Equal(t, "backend", s.do2(c, "GET", "/api/x", nil, "").echo().ID)

	view := s.state().Certificate
	assert.True(t, view.Ready)
	assert.Empty(t, view.Error)
	require.NotNil(t, view.Expires)
	assert.True(t, view.Expires.Before(time.Now()), "%s", view.Expires)
	metrics := string(testkit.Get(t, "http://"+s.admin+"/metrics").Body)
	assert.Regexp(t, `(?m)^drydock_gateway_certificate_expiry_seconds -\d`, metrics)
	_, log := s.log()
	assert.Contains(t, log, "the certificate has expired")

	// Nor is it one for a restart.
	docker(t, "restart", s.gateway)
	s.found()
	s.secure = docker(t, "port", s.gateway, "8443/tcp")
	s.until("the backend is found", func() bool { return s.identity("/api/x") == "backend" })
	c.CloseIdleConnections()
	assert.Equal(t, "backend", s.do2(c, "GET", "/api/x", nil, "").echo().ID)
}

func TestHTTPLeadsToHTTPS(t *testing.T) {
	t.Parallel()
	s := newSecureSite(t, []string{"product.example"}, "--env", "DOMAIN=product.example,www.product.example", "--env", "HTTP_REDIRECT=true",
		"--env", "HSTS=8760h", "--env", "HTTPS_PORT=8443")
	s.app("backend-blue", "backend")
	s.app("frontend-blue", "frontend")
	c := s.http2()
	s.until("it serves", func() bool {
		return s.do2(c, "GET", "/api/x", nil, "").echo().ID == "backend" && s.do2(c, "GET", "/", nil, "").echo().ID == "frontend"
	})

	for _, target := range []string{"/", "/api/a%2Fb//c?x=1&y=%20", "/deep/link/?", "/x/..%2Fy"} {
		for _, method := range []string{"GET", "POST", "HEAD"} {
			r := s.do(method, target, nil, "")
			assert.Equal(t, 308, r.status, "%s %s", method, target)
			assert.Equal(t, "https://product.example:8443"+target, r.header.Get("Location"), "%s %s", method, target)
			assertSecure(t, "redirect", response{status: r.status, header: r.header})
			assert.Empty(t, r.header.Values("Strict-Transport-Security"), "only what came over TLS may say it (RFC 6797, 7.2)")
		}
	}
	// A client that follows it sends the same again.
	follow := s.http2()
	follow.CheckRedirect = nil
	plain, ok := follow.Transport.(*http.Transport)
	require.True(t, ok)
	plain.Protocols.SetHTTP1(true)
	res, err := s.client().Post(s.url("/api/x?q=1"), "text/plain", strings.NewReader("body"))
	require.NoError(t, err)
	res.Body.Close()
	assert.Equal(t, http.StatusMisdirectedRequest, res.StatusCode, "it asked for an address")

	secure := s.do2(c, "POST", "/api/a%2Fb?q=1", nil, "body")
	assert.Equal(t, "POST", secure.echo().Method)
	assert.EqualValues(t, 4, secure.echo().BodyBytes)
	assert.Equal(t, "https", secure.echo().Header.Get("X-Forwarded-Proto"))
	for name, r := range map[string]response{
		"page": s.do2(c, "GET", "/", nil, ""), "own 404": s.do2(c, "GET", "/.env", nil, ""), "own 400": s.do2(c, "GET", "/api/..%2f..%2fx", nil, ""),
		"own 502": s.do2(c, "GET", "/api/x?raw=HTTP/1.1", nil, ""), "missing asset": s.do2(c, "GET", "/assets/x?status=404", nil, ""),
	} {
		assert.Equal(t, []string{"max-age=31536000; includeSubDomains"}, r.header.Values("Strict-Transport-Security"), name)
		assertSecure(t, name, r)
	}
	own := s.do2(c, "GET", "/x?header=Strict-Transport-Security:max-age=7", nil, "")
	assert.Equal(t, []string{"max-age=7"}, own.header.Values("Strict-Transport-Security"))
	assert.Equal(t, 200, s.do("GET", "/healthz", nil, "").status, "health checks are not led away")

	// What came for another host on a connection of ours (RFC 9110, 15.5.20).
	for _, target := range []string{"/", "/api/x"} {
		r := s.do2(c, "GET", target, map[string]string{"Host": "evil.example"}, "")
		assert.Equal(t, http.StatusMisdirectedRequest, r.status)
		assertSecure(t, "421 over HTTP/2", r)
	}
	for _, name := range []string{"evil.example", "", "product.example.evil.example"} {
		config := s.tlsConfig()
		config.ServerName, config.InsecureSkipVerify = name, true
		_, err := tls.Dial("tcp", s.secure, config)
		assert.ErrorContains(t, err, "unrecognized name", name)
	}
	_, err = s.handshake("www.product.example", tls.VersionTLS13)
	assert.ErrorContains(t, err, "www.product.example", "served, though this certificate lacks it")

	// Plain HTTP where TLS is spoken.
	res, err = http.Get("http://" + s.secure + "/")
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	assert.Equal(t, 400, res.StatusCode)
	assertSecure(t, "plain HTTP to the HTTPS port", response{status: 400, header: res.Header, body: string(text)})
}

// A certificate authority asks over plain HTTP (RFC 8555, 8.3), whatever else is led to
// HTTPS, refused, or in maintenance.
func TestChallengesAreAnswered(t *testing.T) {
	t.Parallel()
	s := newSecureSite(t, []string{"product.example"}, "--env", "TLS=acme", "--env", "DOMAIN=product.example", "--env", "HTTP_REDIRECT=true",
		"--env", "ACME_DIRECTORY=https://127.0.0.1:1/directory", "--env", "RATE_LIMIT=1", "--env", "RATE_BURST=0")
	s.host = "product.example"
	docker(t, "exec", s.gateway, "sh", "-c", "mkdir -p /var/lib/gateway/acme/challenges && echo -n proof >/var/lib/gateway/acme/challenges/token-1")
	for range 10 {
		r := s.do("GET", "/.well-known/acme-challenge/token-1", nil, "")
		require.Equal(t, 200, r.status)
		assert.Equal(t, "proof", r.body)
		assertSecure(t, "challenge", r)
	}
	assert.Equal(t, 404, s.do("GET", "/.well-known/acme-challenge/none", nil, "").status)
	for _, target := range []string{"/.well-known/acme-challenge/../../state.json", "/.well-known/acme-challenge/..%2f..%2fstate.json",
		"/.well-known/acme-challenge../../state.json", "/.well-known/acme-challenge/", "/.well-known/acme-challenge"} {
		assert.NotEqual(t, 200, s.do("GET", target, nil, "").status, target)
	}
	s.run("maintenance", "on")
	assert.Equal(t, 200, s.do("GET", "/.well-known/acme-challenge/token-1", nil, "").status)
}
