package testkit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"drydock/internal/engine"
)

// hostPKI is an authority for the engines of one test, which take nobody else's clients.
type hostPKI struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newHostPKI(t testing.TB) *hostPKI {
	t.Helper()
	p := &hostPKI{dir: t.TempDir()}
	template := certificate("authority of a test")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	p.cert, p.key = p.sign(t, template, p.ca(), "")
	client := certificate("test")
	client.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	p.sign(t, client, filepath.Join(p.dir, "cert.pem"), filepath.Join(p.dir, "key.pem"))
	return p
}

func (p *hostPKI) ca() string { return filepath.Join(p.dir, "ca.pem") }

// server makes an engine's certificate.
func (p *hostPKI) server(t testing.TB, dir, ip string) {
	t.Helper()
	c := certificate(ip)
	c.IPAddresses = []net.IP{net.ParseIP(ip)}
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	p.sign(t, c, filepath.Join(dir, "server.pem"), filepath.Join(dir, "server-key.pem"))
}

func certificate(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
}

// sign writes a certificate and its key; the authority, which is the first, signs itself.
func (p *hostPKI) sign(t testing.TB, template *x509.Certificate, certPath, keyPath string) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	fail := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("making certificates for a host: %v", err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fail(err)
	template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	fail(err)
	parent, signer := p.cert, p.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	fail(err)
	fail(os.WriteFile(certPath, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	if keyPath != "" {
		bytes, err := x509.MarshalECPrivateKey(key)
		fail(err)
		fail(os.WriteFile(keyPath, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: bytes}), 0o600))
	}
	cert, err := x509.ParseCertificate(der)
	fail(err)
	return cert, key
}

// TLS is the engine's address on the network, which asks for a client's certificate, and
// the folder with one, as DOCKER_CERT_PATH wants it.
func (h *Host) TLS() (address, certificates string) {
	return "tcp://" + net.JoinHostPort(h.IP, "2376"), h.pki.dir
}

// TLSClient opens the engine through its TLS port.
func (h *Host) TLSClient() *engine.Client {
	h.t.Helper()
	address, dir := h.TLS()
	return openHost(h.t, address, engine.WithTLS(dir))
}
