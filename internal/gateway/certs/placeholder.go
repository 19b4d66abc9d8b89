package certs

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"slices"
	"time"
)

// placeholderIssuer marks placeholders; nothing else is ever signed with this name.
const placeholderIssuer = "Drydock placeholder, not a real certificate"

// placeholderLife is short: one that is forgotten must hurt soon.
const placeholderLife = 7 * 24 * time.Hour

// Placeholder makes a self-signed pair, so that nginx can start (and answer the
// challenge) before the first certificate arrives. NeedsRenewal always says yes to it.
func Placeholder(names []string, now time.Time) (certPEM, keyPEM []byte, err error) {
	names, err = NormaliseAll(names)
	if err != nil {
		return nil, nil, fmt.Errorf("making a placeholder certificate: %w", err)
	}
	template := leaf(names, now, placeholderLife)
	template.Subject = pkix.Name{Organization: []string{placeholderIssuer}, CommonName: placeholderIssuer}
	return sign(template, nil, nil)
}

func isPlaceholder(c *x509.Certificate) bool {
	return slices.Contains(c.Issuer.Organization, placeholderIssuer)
}
