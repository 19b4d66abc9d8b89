package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var now = time.Date(2030, 3, 1, 12, 0, 0, 0, time.UTC)

func authority(t *testing.T, names ...string) *Authority {
	t.Helper()
	caPEM, keyPEM, err := NewAuthority(now, names...)
	require.NoError(t, err)
	a, err := LoadAuthority(caPEM, keyPEM)
	require.NoError(t, err)
	return a
}

func (a *Authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

func TestALocalCertificateIsWhatBrowsersWant(t *testing.T) {
	a := authority(t)
	certPEM, keyPEM, err := a.Issue([]string{"localhost", "*.app.test"}, []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()}, now)
	require.NoError(t, err)
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	require.NoError(t, err)
	leaf := pair.Leaf

	for _, name := range []string{"localhost", "x.app.test", "127.0.0.1", "::1"} {
		_, err = leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: a.pool(), CurrentTime: now})
		assert.NoError(t, err, name)
	}
	assert.Equal(t, elliptic.P256(), leaf.PublicKey.(*ecdsa.PublicKey).Curve)
	assert.Equal(t, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, leaf.ExtKeyUsage)
	assert.False(t, leaf.IsCA)
	assert.True(t, leaf.BasicConstraintsValid)
	assert.LessOrEqual(t, leaf.NotAfter.Sub(leaf.NotBefore), 397*24*time.Hour)
	assert.True(t, leaf.NotBefore.Before(now), "a clock that lags behind must not refuse it")
	assert.Equal(t, a.cert.SubjectKeyId, leaf.AuthorityKeyId)
	assert.Len(t, leaf.SubjectKeyId, 20)
	assert.NotEqual(t, leaf.SubjectKeyId, leaf.AuthorityKeyId)
	assert.Positive(t, leaf.SerialNumber.Sign())
	assert.LessOrEqual(t, leaf.SerialNumber.BitLen(), 127)
	assert.Empty(t, Check(certPEM, keyPEM, []string{"LOCALHOST", "*.app.test", "127.0.0.1"}, now))

	again, _, err := a.Issue([]string{"localhost"}, nil, now)
	require.NoError(t, err)
	other, err := Leaf(again)
	require.NoError(t, err)
	assert.NotEqual(t, leaf.SerialNumber, other.SerialNumber)
}

func TestTheAuthoritySignsForNobodyElse(t *testing.T) {
	a := authority(t, "shop.mine.dev", "*.wild.dev", "203.0.113.7")
	assert.True(t, a.cert.IsCA)
	assert.True(t, a.cert.MaxPathLenZero)
	assert.True(t, a.cert.PermittedDNSDomainsCritical)
	assert.Equal(t, now.Add(authorityLife), a.NotAfter())

	for name, ok := range map[string]bool{
		"localhost": true, "a.localhost": true, "my.test": true, "box.local": true, "10.1.2.3": true, "fe80::1": true,
		"shop.mine.dev": true, "x.shop.mine.dev": true, "a.wild.dev": true, "203.0.113.7": true,
		"mine.dev": false, "bank.com": false, "notlocalhost": false, "203.0.113.8": false, "not a name": false,
	} {
		assert.Equal(t, ok, a.Permits(name), name)
	}
	_, _, err := a.Issue([]string{"bank.com"}, nil, now)
	assert.ErrorContains(t, err, "may not sign for bank.com")

	// A stolen key can sign what it wants; who trusts the authority does not believe it.
	forged, _, err := sign(leaf([]string{"bank.com", "8.8.8.8"}, now, leafLife), a.cert, a.key)
	require.NoError(t, err)
	c, err := Leaf(forged)
	require.NoError(t, err)
	_, err = c.Verify(x509.VerifyOptions{Roots: a.pool(), CurrentTime: now})
	assert.ErrorContains(t, err, "not permitted by any constraint")
}

func TestTwoAuthoritiesHaveTwoNames(t *testing.T) {
	assert.NotEqual(t, authority(t).cert.Subject.String(), authority(t).cert.Subject.String())
}

func TestIssueRefuses(t *testing.T) {
	a := authority(t)
	_, _, err := a.Issue(nil, nil, now)
	assert.ErrorContains(t, err, "no names")
	_, _, err = a.Issue([]string{"a_b.test"}, nil, now)
	assert.ErrorContains(t, err, "a_b")
	_, _, err = a.Issue([]string{"localhost"}, nil, a.NotAfter().Add(time.Second))
	assert.ErrorContains(t, err, "make a new one")

	last, _, err := a.Issue([]string{"localhost"}, nil, a.NotAfter().Add(-24*time.Hour))
	require.NoError(t, err)
	c, err := Leaf(last)
	require.NoError(t, err)
	assert.Equal(t, a.NotAfter().Unix(), c.NotAfter.Unix(), "no certificate outlives its authority")
}

func TestLoadAuthorityRefusesAnythingElse(t *testing.T) {
	a := authority(t)
	certPEM, keyPEM, err := a.Issue([]string{"localhost"}, nil, now)
	require.NoError(t, err)
	_, err = LoadAuthority(certPEM, keyPEM)
	assert.Error(t, err)
	_, err = LoadAuthority(a.pem, keyPEM)
	assert.Error(t, err)
}

// A real handshake, with the whole of TLS between.
func TestTheLocalCertificateServes(t *testing.T) {
	caPEM, caKey, err := NewAuthority(time.Now())
	require.NoError(t, err)
	a, err := LoadAuthority(caPEM, caKey)
	require.NoError(t, err)
	certPEM, keyPEM, err := a.Issue([]string{"localhost"}, nil, time.Now())
	require.NoError(t, err)
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	require.NoError(t, err)

	ours, theirs := net.Pipe()
	server := tls.Server(theirs, &tls.Config{Certificates: []tls.Certificate{pair}})
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	client := tls.Client(ours, &tls.Config{ServerName: "localhost", RootCAs: a.pool()})
	require.NoError(t, client.Handshake())
	require.NoError(t, <-done)
}
