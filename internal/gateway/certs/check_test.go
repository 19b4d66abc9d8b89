package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// made is a certificate with its key, for chains that an authority would not make.
type made struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func make1(t *testing.T, name string, by *made, change func(*x509.Certificate), keys ...crypto.Signer) *made {
	t.Helper()
	m := &made{}
	if len(keys) > 0 {
		m.key = keys[0]
	} else {
		key, _, err := newKey()
		require.NoError(t, err)
		m.key = key
	}
	template := leaf([]string{"www.shop.com", "shop.com"}, now, leafLife)
	template.Subject = pkix.Name{CommonName: name}
	if strings.Contains(name, "CA") {
		template.DNSNames, template.IsCA, template.ExtKeyUsage = nil, true, nil
		template.KeyUsage = x509.KeyUsageCertSign
	}
	if change != nil {
		change(template)
	}
	parent, signer := template, m.key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, m.key.Public(), signer)
	require.NoError(t, err)
	m.cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	return m
}

func (m *made) keyPEM(t *testing.T) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(m.key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func file(all ...*made) []byte {
	var out []byte
	for _, m := range all {
		out = append(out, encodeCert(m.cert.Raw)...)
	}
	return out
}

func TestCheckSaysEachProblem(t *testing.T) {
	root := make1(t, "Root CA", nil, nil)
	outer := make1(t, "Outer CA", root, nil)
	inner := make1(t, "Inner CA", outer, nil)
	aia := func(c *x509.Certificate) { c.IssuingCertificateURL = []string{"http://ca.test/inner.der"} }
	good := make1(t, "site", inner, aia)
	key := good.keyPEM(t)
	chain := file(good, inner, outer)
	stray := make1(t, "Stray CA", nil, nil)
	other := make1(t, "other", nil, nil)

	weakRSA, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	weak, ed, small := make1(t, "weak", nil, nil, weakRSA), make1(t, "ed", nil, nil, edKey), make1(t, "small", nil, nil, p224)
	ca := make1(t, "a CA", nil, func(c *x509.Certificate) { c.DNSNames = []string{"shop.com", "www.shop.com"} })
	client := make1(t, "client", nil, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	noSAN := make1(t, "shop.com", nil, func(c *x509.Certificate) { c.DNSNames = nil })
	oldInner := make1(t, "Inner CA", outer, func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Hour) }, inner.key)
	wild := make1(t, "wild", nil, func(c *x509.Certificate) {
		c.DNSNames = []string{"*.shop.com", "shop.com", "xn--bcher-kva.example"}
	})
	ecDER, err := x509.MarshalECPrivateKey(good.key.(*ecdsa.PrivateKey))
	require.NoError(t, err)
	params := pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}})
	sec1 := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: ecDER})
	block := func(kind string, headers map[string]string) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Headers: headers, Bytes: []byte("something")})
	}

	names := []string{"shop.com", "www.shop.com"}
	for _, c := range []struct {
		name      string
		cert, key []byte
		names     []string
		at        time.Time
		want      []string // one substring a problem
	}{
		{name: "good", cert: chain},
		{name: "good with its root", cert: file(good, inner, outer, root)},
		{name: "good, any name", cert: chain, names: []string{}},
		{name: "CRLF and text around", cert: []byte("\xef\xbb\xbfsubject=x\r\n" + strings.ReplaceAll(string(chain), "\n", "\r\n") + "\r\n")},
		{name: "curve parameters before the key", cert: chain, key: slices.Concat(params, sec1)},
		{name: "key and chain in one file", cert: slices.Concat(key, chain), key: slices.Concat(key, chain)},
		{name: "wildcard", cert: file(wild), key: wild.keyPEM(t), names: []string{"x.shop.com", "*.shop.com", "BÜCHER.example"}},
		{name: "nothing", cert: []byte(" \n"), key: []byte{}, want: []string{"certificate file is empty", "key file is empty"}},
		{name: "text", cert: []byte("hello"), key: []byte("hello"), want: []string{"certificate file is not PEM", "key file is not PEM"}},
		{name: "binary", cert: good.cert.Raw, want: []string{"openssl x509 -inform DER"}},
		{name: "damaged", cert: block("CERTIFICATE", nil), want: []string{"certificate 1 of the file is damaged"}},
		{name: "request", cert: block("CERTIFICATE REQUEST", nil), want: []string{"signing request"}},
		{name: "swapped", cert: key, key: chain, want: []string{"holds only a private key. Are the two files swapped", "holds only a certificate. Are the two files swapped"}},
		{name: "odd blocks", cert: block("PUBLIC KEY", nil), key: block("PUBLIC KEY", nil), want: []string{"holds no certificate", "no private key"}},
		{name: "another's key", cert: chain, key: other.keyPEM(t), want: []string{"does not belong"}},
		{name: "encrypted PKCS 8", cert: chain, key: block("ENCRYPTED PRIVATE KEY", nil), want: []string{"openssl pkey -in FILE"}},
		{name: "encrypted PEM", cert: chain, key: block("RSA PRIVATE KEY", map[string]string{"Proc-Type": "4,ENCRYPTED"}), want: []string{"is encrypted"}},
		{name: "damaged key", cert: chain, key: block("PRIVATE KEY", nil), want: []string{"cannot be read"}},
		{name: "expired", cert: chain, at: now.Add(leafLife), want: []string{"The certificate expired on 2 April 2031", "intermediate certificate (CN=Inner CA) expired", "intermediate certificate (CN=Outer CA) expired"}},
		{name: "not yet valid", cert: file(good, inner), at: now.Add(-2 * time.Hour), want: []string{"The certificate is not valid before 1 March 2030 11:00 UTC. Wait until then, or set the clock", "CN=Inner CA) is not valid before"}},
		{name: "expired intermediate", cert: file(good, oldInner, outer), want: []string{"intermediate certificate (CN=Inner CA) expired"}},
		{name: "name not covered", cert: chain, names: []string{"shop.com", "api.shop.com", "10.0.0.1"}, want: []string{"does not cover api.shop.com (it is for www.shop.com, shop.com)", "does not cover 10.0.0.1"}},
		{name: "wildcard covers one level", cert: file(wild), key: wild.keyPEM(t), names: []string{"a.b.shop.com"}, want: []string{"does not cover a.b.shop.com"}},
		{name: "no name is one", cert: chain, names: []string{"https://shop.com"}, want: []string{"The name to serve is wrong"}},
		{name: "only a common name", cert: file(noSAN), key: noSAN.keyPEM(t), want: []string{"subject alternative names"}},
		{name: "order", cert: file(inner, good, outer), want: []string{"server's own certificate is number 2", "number 1 (CN=Inner CA) is not followed by its issuer"}},
		{name: "intermediates swapped", cert: file(good, outer, inner), want: []string{"number 1 (CN=site) is not followed by its issuer"}},
		{name: "intermediate missing at the end", cert: file(good), want: []string{"The intermediate is missing: the file holds only"}},
		{name: "intermediate missing between", cert: file(good, outer), want: []string{"number 1 (CN=site) was issued by \"CN=Inner CA\", which is not in the file. Append the issuer's certificate (it is at http://ca.test/inner.der)"}},
		{name: "one too many", cert: file(good, inner, outer, root, stray), want: []string{"1 more follow"}},
		{name: "twice", cert: file(good, good, inner), want: []string{"in the file twice"}},
		{name: "weak RSA", cert: file(weak), key: weak.keyPEM(t), want: []string{"RSA with 1024 bits"}},
		{name: "Ed25519", cert: file(ed), key: ed.keyPEM(t), want: []string{"Ed25519"}},
		{name: "P-224", cert: file(small), key: small.keyPEM(t), want: []string{"ECDSA with 224 bits"}},
		{name: "an authority", cert: file(ca), key: ca.keyPEM(t), want: []string{"is an authority's, not a server's"}},
		{name: "a client's", cert: file(client), key: client.keyPEM(t), want: []string{"not meant for servers"}},
		{name: "all at once", cert: file(weak), key: other.keyPEM(t), names: []string{"x.com"}, at: now.Add(2 * leafLife), want: []string{"does not belong", "expired", "does not cover x.com", "1024 bits"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.key == nil {
				c.key = key
			}
			if c.names == nil {
				c.names = names
			}
			if c.at.IsZero() {
				c.at = now
			}
			got := Check(c.cert, c.key, c.names, c.at)
			var text []string
			for _, p := range got {
				text = append(text, p.String())
				assert.NotEmpty(t, p.Fix)
			}
			require.Len(t, got, len(c.want), strings.Join(text, "\n"))
			for i, w := range c.want {
				assert.Contains(t, text[i], w)
			}
			if len(c.want) > 0 {
				assert.ErrorContains(t, AsError(got), c.want[0])
			} else {
				assert.NoError(t, AsError(got))
			}
		})
	}
}

// Nobody can make a SHA-1 signature with today's library, so this one is a file. It was
// made with: openssl req -x509 -sha1 -newkey rsa:2048 -nodes -subj /CN=shop.com
// -addext subjectAltName=DNS:shop.com -addext basicConstraints=critical,CA:FALSE
func TestCheckRefusesSHA1(t *testing.T) {
	got := Check(readTest(t, "sha1.pem"), nil, []string{"shop.com"}, now)
	require.Len(t, got, 2)
	assert.Contains(t, got[0].String(), "key file is empty")
	assert.Contains(t, got[1].String(), "SHA1-RSA, which browsers refuse")
}

// Whatever is in the files, Check answers.
func FuzzCheck(f *testing.F) {
	certPEM, keyPEM := somePair(f, "a.test")
	f.Add(certPEM, keyPEM, "a.test")
	f.Add(keyPEM, certPEM, "*")
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----"), []byte{}, "")
	f.Fuzz(func(t *testing.T, cert, key []byte, name string) {
		for _, p := range Check(cert, key, []string{name}, now) {
			if p.What == "" || p.Fix == "" {
				t.Fatal("a problem without words")
			}
		}
	})
}
