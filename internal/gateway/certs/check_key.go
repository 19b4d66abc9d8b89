package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
)

const minRSA = 2048 // bits; browsers and authorities refuse less

// key reads the private key, or says why nginx could not.
func (c *checker) key(file []byte) crypto.Signer {
	const want = "Give a PEM file that begins with -----BEGIN PRIVATE KEY-----"
	switch kinds := blocks(file); {
	case len(bytes.TrimSpace(file)) == 0:
		c.add("The key file is empty", want)
	case len(kinds) == 0:
		c.add("The key file is not PEM", want+" (binary: openssl pkey -inform DER -in FILE -out key.pem)")
	case !slices.ContainsFunc(kinds, isKeyKind) && slices.Contains(kinds, "CERTIFICATE"):
		c.add("The key file holds only a certificate", "Are the two files swapped? "+want)
	case !slices.ContainsFunc(kinds, isKeyKind):
		c.add("The key file holds no private key, only %q", want, kinds)
	default:
		key, err := parseKey(file)
		switch {
		case errors.Is(err, errEncrypted):
			c.add("The private key is encrypted", "The gateway starts without anybody to type the password: decrypt it with openssl pkey -in FILE -out key.pem, and protect the file")
		case err != nil:
			// The reason is left out: it may quote the file.
			c.add("The private key cannot be read", "Use an RSA key of 2048 bits or more, or an ECDSA key (P-256 or P-384)")
		}
		return key
	}
	return nil
}

var (
	errEncrypted = errors.New("the private key is encrypted")
	errNoKey     = errors.New("no private key that is understood")
)

// parseKey reads the first private key of a PEM file; `openssl ecparam -genkey` puts the
// curve's parameters before it.
func parseKey(file []byte) (crypto.Signer, error) {
	for block, rest := pem.Decode(file); block != nil; block, rest = pem.Decode(rest) {
		if !isKeyKind(block.Type) {
			continue
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return nil, errEncrypted
		}
		if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
			return key, nil
		}
		if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
			return key, nil
		}
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if signer, ok := key.(crypto.Signer); ok {
				return signer, nil
			}
		}
		return nil, errNoKey
	}
	return nil, errNoKey
}

func isKeyKind(kind string) bool { return strings.HasSuffix(kind, "PRIVATE KEY") }

func samePublic(a, b any) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

// strength looks at keys and signatures; a root's own signature proves nothing, so how it
// was made doesn't matter.
func (c *checker) strength(chain []*x509.Certificate) {
	for _, cert := range chain {
		switch key := cert.PublicKey.(type) {
		case *rsa.PublicKey:
			if key.N.BitLen() < minRSA {
				c.add("The key of %s is weak: RSA with %d bits", "Make a key of 2048 bits or more, or an ECDSA key, and have the certificate issued anew", subject(cert), key.N.BitLen())
			}
		case *ecdsa.PublicKey:
			if key.Curve.Params().BitSize < 256 {
				c.add("The key of %s is weak: ECDSA with %d bits", "Make a P-256 key, and have the certificate issued anew", subject(cert), key.Curve.Params().BitSize)
			}
		case ed25519.PublicKey:
			c.add("The key of %s is Ed25519, which browsers do not accept", "Make a P-256 key, and have the certificate issued anew", subject(cert))
		default:
			c.add("The key of %s is of a kind that browsers do not accept (%s)", "Make a P-256 key, and have the certificate issued anew", subject(cert), cert.PublicKeyAlgorithm)
		}
		switch cert.SignatureAlgorithm {
		case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
			if !bytes.Equal(cert.RawSubject, cert.RawIssuer) || len(chain) == 1 {
				c.add("The certificate %s is signed with %s, which browsers refuse", "Have it issued anew with SHA-256", subject(cert), cert.SignatureAlgorithm)
			}
		}
	}
}
