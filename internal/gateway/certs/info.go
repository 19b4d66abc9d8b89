package certs

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Info is what people ask about a certificate.
type Info struct {
	Names       []string // DNS names, then addresses
	Subject     string   // RFC 2253 form; often empty
	Issuer      string
	NotBefore   time.Time
	NotAfter    time.Time
	Serial      string // hexadecimal, lower case
	SHA256      string // fingerprint of the certificate, hexadecimal
	SelfSigned  bool
	Placeholder bool // made by Placeholder
}

// Life is how long the certificate is valid from its start to its end.
func (i Info) Life() time.Duration { return i.NotAfter.Sub(i.NotBefore) }

// Read answers about the first certificate of a PEM file.
func Read(certPEM []byte) (Info, error) {
	c, err := Leaf(certPEM)
	if err != nil {
		return Info{}, err
	}
	return infoOf(c), nil
}

// Leaf parses the first certificate of a PEM file.
func Leaf(certPEM []byte) (*x509.Certificate, error) {
	chain, err := parseChain(certPEM)
	if err != nil {
		return nil, fmt.Errorf("reading a certificate: %w", err)
	}
	return chain[0], nil
}

func infoOf(c *x509.Certificate) Info {
	return Info{
		Names:       certNames(c),
		Subject:     c.Subject.String(),
		Issuer:      c.Issuer.String(),
		NotBefore:   c.NotBefore,
		NotAfter:    c.NotAfter,
		Serial:      fmt.Sprintf("%x", c.SerialNumber),
		SHA256:      fmt.Sprintf("%x", sha256.Sum256(c.Raw)),
		SelfSigned:  selfSigned(c),
		Placeholder: isPlaceholder(c),
	}
}

// NeedsRenewal tells whether a certificate has to be replaced, and why: it is unreadable,
// a placeholder, not for exactly these names, or less than a third of its life is left.
func NeedsRenewal(certPEM []byte, now time.Time, names []string) (bool, string) {
	c, err := Leaf(certPEM)
	switch {
	case err != nil:
		return true, err.Error()
	case isPlaceholder(c):
		return true, "it is a placeholder"
	case !sameNames(certNames(c), names):
		return true, fmt.Sprintf("it is for %s, wanted is %s", list(certNames(c)), list(names))
	case !now.Before(c.NotAfter):
		return true, "it expired on " + day(c.NotAfter)
	case c.NotAfter.Sub(now) < c.NotAfter.Sub(c.NotBefore)/3:
		return true, "less than a third of its life is left: it expires on " + day(c.NotAfter)
	}
	return false, ""
}

// IsFor tells whether a certificate is for exactly these names: none missing, none more.
func IsFor(certPEM []byte, names []string) bool {
	c, err := Leaf(certPEM)
	return err == nil && sameNames(certNames(c), names)
}

func certNames(c *x509.Certificate) []string {
	var names []string
	names = append(names, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// selfSigned looks at the signature, too: an authority may have signed a server that has
// its own name.
func selfSigned(c *x509.Certificate) bool {
	return signed(c, c)
}

// parseChain reads all certificates of a PEM file, in their order.
func parseChain(certPEM []byte) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	for rest := certPEM; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue // parameters, or a bundle that holds the key, too
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d of the file is damaged: %w", len(chain)+1, err)
		}
		chain = append(chain, c)
	}
	if len(chain) == 0 {
		return nil, errors.New("there is no PEM certificate in it")
	}
	return chain, nil
}

func list(names []string) string {
	if len(names) == 0 {
		return "no name"
	}
	return strings.Join(names, ", ")
}
