package certs

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Problem is one thing that is wrong with a pair, and what to do about it.
type Problem struct {
	What string // a sentence
	Fix  string // a sentence
}

func (p Problem) String() string { return p.What + ". " + p.Fix + "." }

// Problems as one error; nil when there are none.
func AsError(problems []Problem) error {
	var all []error
	for _, p := range problems {
		all = append(all, errors.New(p.String()))
	}
	return errors.Join(all...)
}

// Check finds everything that would keep a pair from serving these names now: what nginx
// refuses, and what browsers refuse. Names may be empty (any), hold addresses, wildcards
// and IDNs. It looks at nothing but its arguments, so it cannot tell whether browsers
// trust the authority at the end of the chain; and it takes a certificate that stands
// alone for one with a missing intermediate only when the certificate says where its
// issuer's is to be had, as all public ones do.
func Check(certPEM, keyPEM []byte, names []string, now time.Time) []Problem {
	c := &checker{now: now}
	chain := c.chain(certPEM)
	key := c.key(keyPEM)
	if len(chain) == 0 {
		return c.problems
	}
	leaf := c.leaf(chain, key)
	c.times(chain, leaf)
	c.names(leaf, names)
	c.strength(chain)
	c.order(chain)
	return c.problems
}

type checker struct {
	now      time.Time
	problems []Problem
}

func (c *checker) add(what, fix string, args ...any) {
	p := Problem{What: fmt.Sprintf(what, args...), Fix: fix}
	if !slices.Contains(c.problems, p) {
		c.problems = append(c.problems, p)
	}
}

// chain parses the certificate file and explains what is in it instead.
func (c *checker) chain(file []byte) []*x509.Certificate {
	const want = "Give a PEM file that begins with -----BEGIN CERTIFICATE-----: the server's certificate, then its intermediates"
	switch kinds := blocks(file); {
	case len(bytes.TrimSpace(file)) == 0:
		c.add("The certificate file is empty", want)
	case len(kinds) == 0 && isDER(file):
		c.add("The certificate file is binary (DER), not PEM", "Convert it: openssl x509 -inform DER -in FILE -out cert.pem")
	case len(kinds) == 0:
		c.add("The certificate file is not PEM", want+" (a .p12 or .pfx file: openssl pkcs12 -in FILE -nokeys -out cert.pem)")
	case slices.Contains(kinds, "CERTIFICATE"):
		chain, err := parseChain(file)
		if err != nil {
			c.add("The certificate file cannot be read: %s", "Copy it again from where it was issued", err)
		}
		return chain
	case slices.Contains(kinds, "CERTIFICATE REQUEST"), slices.Contains(kinds, "NEW CERTIFICATE REQUEST"):
		c.add("The certificate file holds a signing request", "Send the request to an authority, and use the certificate that it answers with")
	case slices.ContainsFunc(kinds, isKeyKind):
		c.add("The certificate file holds only a private key", "Are the two files swapped? "+want)
	default:
		c.add("The certificate file holds no certificate, only %q", want, kinds)
	}
	return nil
}

// leaf finds the certificate that the key belongs to, and says so when it is not the first.
func (c *checker) leaf(chain []*x509.Certificate, key crypto.Signer) *x509.Certificate {
	at := 0
	if key != nil {
		at = slices.IndexFunc(chain, func(cert *x509.Certificate) bool { return samePublic(cert.PublicKey, key.Public()) })
		switch {
		case at < 0:
			at = 0
			c.add("The private key does not belong to the certificate", "Use the key that the certificate's request was made with, or have a new certificate issued for this key")
		case at > 0:
			c.add("The chain is in the wrong order: the server's own certificate is number %d of the file", "Put the server's certificate first, then each one's issuer", at+1)
		}
	}
	leaf := chain[at]
	if leaf.IsCA {
		c.add("The certificate (%s) is an authority's, not a server's", "Use a certificate issued for the server; a self-signed one is made with openssl req -x509 -addext basicConstraints=critical,CA:FALSE", subject(leaf))
	}
	if len(leaf.ExtKeyUsage)+len(leaf.UnknownExtKeyUsage) > 0 &&
		!slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth) && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny) {
		c.add("The certificate (%s) is not meant for servers", "Have one issued with the extended key usage serverAuth", subject(leaf))
	}
	if isPlaceholder(leaf) {
		c.add("The certificate is the gateway's own placeholder", "Use a certificate that an authority issued")
	}
	return leaf
}

func (c *checker) times(chain []*x509.Certificate, leaf *x509.Certificate) {
	for _, cert := range chain {
		who := "The certificate"
		if cert != leaf {
			if selfSigned(cert) {
				continue // a root: browsers have their own copy
			}
			who = fmt.Sprintf("The intermediate certificate (%s)", subject(cert))
		}
		switch {
		case c.now.After(cert.NotAfter):
			c.add("%s expired on %s", "Renew it, and replace both files", who, day(cert.NotAfter))
		case c.now.Before(cert.NotBefore):
			c.add("%s is not valid before %s", "Wait until then, or set the clock of this machine right (it says "+day(c.now)+")", who, day(cert.NotBefore))
		}
	}
}

func (c *checker) names(leaf *x509.Certificate, names []string) {
	if len(names) > 0 && len(leaf.DNSNames)+len(leaf.IPAddresses) == 0 {
		c.add("The certificate names no host (browsers ignore its common name %q)", "Have it issued with subject alternative names", leaf.Subject.CommonName)
		return
	}
	for _, name := range names {
		n, err := Normalise(name)
		if err != nil {
			c.add("The name to serve is wrong: %s", "Correct the list of domains", err)
			continue
		}
		// VerifyHostname knows no pattern as its argument.
		if slices.Contains(certNames(leaf), n) || leaf.VerifyHostname(n) == nil {
			continue
		}
		c.add("The certificate does not cover %s (it is for %s)", "Have it issued for that name, too, or take the name off the list of domains", n, list(certNames(leaf)))
	}
}

// order follows the chain from the first certificate to the last.
func (c *checker) order(chain []*x509.Certificate) {
	for i, cert := range chain {
		for _, other := range chain[:i] {
			if other.Equal(cert) {
				c.add("The certificate %s is in the file twice", "Leave each certificate in the file once", subject(cert))
				return
			}
		}
	}
	for i, cert := range chain {
		if selfSigned(cert) {
			if i < len(chain)-1 {
				c.add("After %s, which nobody else signed, %d more follow", "Leave only the server's certificate and its intermediates in the file, each followed by its issuer", subject(cert), len(chain)-1-i)
			}
			return
		}
		if i+1 < len(chain) && signed(chain[i+1], cert) {
			continue
		}
		switch {
		case slices.ContainsFunc(chain, func(other *x509.Certificate) bool { return other != cert && signed(other, cert) }):
			c.add("The chain is in the wrong order: number %d (%s) is not followed by its issuer (%s)", "Put the server's certificate first, then each one's issuer", i+1, subject(cert), cert.Issuer)
		case i+1 < len(chain):
			c.add("An intermediate is missing: number %d (%s) was issued by %q, which is not in the file", "Append the issuer's certificate"+fetch(cert), i+1, subject(cert), cert.Issuer)
		case i == 0 && len(cert.IssuingCertificateURL) > 0:
			c.add("The intermediate is missing: the file holds only the server's certificate, issued by %q", "Append the issuer's certificate"+fetch(cert)+", or use the file that is called fullchain", cert.Issuer)
		}
		return
	}
}

// signed tells whether parent signed child. A parent that is no authority counts: the
// order is another question than the right to sign.
func signed(parent, child *x509.Certificate) bool {
	if !bytes.Equal(parent.RawSubject, child.RawIssuer) {
		return false
	}
	err := parent.CheckSignature(child.SignatureAlgorithm, child.RawTBSCertificate, child.Signature)
	// The library doesn't verify SHA-1 and MD5; that they are used is another problem.
	return err == nil || errors.As(err, new(x509.InsecureAlgorithmError))
}

func fetch(cert *x509.Certificate) string {
	if len(cert.IssuingCertificateURL) == 0 {
		return ""
	}
	return " (it is at " + cert.IssuingCertificateURL[0] + ")"
}

func subject(cert *x509.Certificate) string {
	if s := cert.Subject.String(); s != "" {
		return s
	}
	return list(certNames(cert))
}

func isDER(file []byte) bool {
	_, err := x509.ParseCertificate(file)
	return err == nil
}

func blocks(file []byte) []string {
	var kinds []string
	for block, rest := pem.Decode(file); block != nil; block, rest = pem.Decode(rest) {
		kinds = append(kinds, block.Type)
	}
	return kinds
}
