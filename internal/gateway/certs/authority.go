package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

const (
	authorityLife = 10 * 365 * 24 * time.Hour
	leafLife      = 397 * 24 * time.Hour // browsers refuse more than 398 days
	backdate      = time.Hour            // clocks of other machines lag behind
)

// localSuffixes are names that never belong to a site on the Internet (RFC 2606, 6761,
// 6762, 8375, and the private-use "internal").
var localSuffixes = []string{
	"localhost", "test", "example", "invalid", "local", "internal", "home.arpa", "lan",
	"localdomain", "example.com", "example.net", "example.org",
}

// localRanges are addresses that nobody reaches over the Internet.
var localRanges = []string{
	"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
	"100.64.0.0/10", "::1/128", "fc00::/7", "fe80::/10",
}

// Authority signs certificates for development.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// NewAuthority makes an authority that lives ten years. It can sign for local names and
// private addresses, and for the names that are given, and nothing else: a browser that
// trusts it does not trust a copy of its key for any other site.
func NewAuthority(now time.Time, names ...string) (caPEM, keyPEM []byte, err error) {
	names, err = NormaliseAll(names)
	if err != nil {
		return nil, nil, fmt.Errorf("making a local authority: %w", err)
	}
	key, keyPEM, err := newKey()
	if err != nil {
		return nil, nil, fmt.Errorf("making a local authority: %w", err)
	}
	id := keyID(&key.PublicKey)
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject: pkix.Name{
			Organization: []string{"Drydock local authority"},
			// Browsers list authorities by this name: two of them must differ.
			CommonName: fmt.Sprintf("Drydock local authority %x", id[:4]),
		},
		NotBefore:                   now.Add(-backdate),
		NotAfter:                    now.Add(authorityLife),
		KeyUsage:                    x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:                 []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid:       true,
		IsCA:                        true,
		MaxPathLenZero:              true, // it signs servers, not authorities
		SubjectKeyId:                id,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         slices.Clone(localSuffixes),
	}
	for _, r := range localRanges {
		template.PermittedIPRanges = append(template.PermittedIPRanges, ipNet(netip.MustParsePrefix(r)))
	}
	dns, ips := split(names)
	for _, n := range dns {
		n = strings.TrimPrefix(n, "*.")
		if !permits(template, n) {
			template.PermittedDNSDomains = append(template.PermittedDNSDomains, n)
		}
	}
	for _, ip := range ips {
		if !permits(template, ip.String()) {
			template.PermittedIPRanges = append(template.PermittedIPRanges, ipNet(netip.PrefixFrom(ip, ip.BitLen())))
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, fmt.Errorf("signing the local authority: %w", err)
	}
	return encodeCert(der), keyPEM, nil
}

// LoadAuthority reads what NewAuthority made.
func LoadAuthority(caPEM, keyPEM []byte) (*Authority, error) {
	pair, err := tls.X509KeyPair(caPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("reading the local authority: %w", err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, errors.New("reading the local authority: the pair is not one that this program made")
	}
	return &Authority{cert: pair.Leaf, key: key, pem: encodeCert(pair.Leaf.Raw)}, nil
}

// Permits tells whether the authority may sign for a name or an address.
func (a *Authority) Permits(name string) bool {
	n, err := Normalise(name)
	return err == nil && permits(a.cert, strings.TrimPrefix(n, "*."))
}

// NotAfter is when the authority ends.
func (a *Authority) NotAfter() time.Time { return a.cert.NotAfter }

func permits(ca *x509.Certificate, name string) bool {
	if ip, err := netip.ParseAddr(name); err == nil {
		return slices.ContainsFunc(ca.PermittedIPRanges, func(r *net.IPNet) bool { return r.Contains(ip.AsSlice()) })
	}
	return slices.ContainsFunc(ca.PermittedDNSDomains, func(d string) bool {
		return name == d || strings.HasSuffix(name, "."+d)
	})
}

// Issue signs a server certificate for names and addresses, with a new key. It lives 397
// days, or as long as the authority.
func (a *Authority) Issue(names []string, ips []netip.Addr, now time.Time) (chainPEM, keyPEM []byte, err error) {
	all := slices.Clone(names)
	for _, ip := range ips {
		all = append(all, ip.String())
	}
	all, err = NormaliseAll(all)
	if err == nil && len(all) == 0 {
		err = errors.New("no names are given")
	}
	for _, n := range all {
		if !a.Permits(n) {
			err = errors.Join(err, fmt.Errorf("the local authority may not sign for %s: make a new one that permits it", n))
		}
	}
	if err == nil && now.After(a.cert.NotAfter) {
		err = fmt.Errorf("the local authority ended on %s: make a new one", day(a.cert.NotAfter))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("issuing a local certificate: %w", err)
	}
	template := leaf(all, now, leafLife)
	template.Subject = pkix.Name{Organization: []string{"Drydock local certificate"}}
	if template.NotAfter.After(a.cert.NotAfter) {
		template.NotAfter = a.cert.NotAfter
	}
	return sign(template, a.cert, a.key)
}

// leaf is the template of a server certificate, life counted from its backdated start.
func leaf(names []string, now time.Time, life time.Duration) *x509.Certificate {
	start := now.Add(-backdate)
	t := &x509.Certificate{
		SerialNumber:          serial(),
		NotBefore:             start,
		NotAfter:              start.Add(life),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	dns, ips := split(names)
	t.DNSNames = dns
	for _, ip := range ips {
		t.IPAddresses = append(t.IPAddresses, ip.AsSlice())
	}
	return t
}

// sign makes a key and signs the template with the parent, or with the new key itself
// when there is no parent.
func sign(template, parent *x509.Certificate, by *ecdsa.PrivateKey) (certPEM, keyPEM []byte, err error) {
	key, keyPEM, err := newKey()
	if err != nil {
		return nil, nil, err
	}
	template.SubjectKeyId = keyID(&key.PublicKey)
	if parent == nil {
		parent, by = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		return nil, nil, fmt.Errorf("signing a certificate: %w", err)
	}
	return encodeCert(der), keyPEM, nil
}

func newKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("making a key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("encoding a key: %w", err)
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// serial has 127 random bits: positive, and never two alike.
func serial() *big.Int {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	b[0] &= 0x7f
	b[15] |= 1 // never zero
	return new(big.Int).SetBytes(b[:])
}

// keyID is RFC 7093, method 1.
func keyID(pub *ecdsa.PublicKey) []byte {
	raw, err := pub.Bytes()
	if err != nil {
		return nil // cannot be: the key was made here; CreateCertificate would refuse it
	}
	sum := sha256.Sum256(raw)
	return sum[:20]
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func encodeCert(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006 15:04 UTC") }
