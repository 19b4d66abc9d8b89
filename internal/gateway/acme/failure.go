package acme

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	legoacme "github.com/go-acme/lego/v5/acme"
)

// DomainError is why the authority did not accept that a domain is ours.
type DomainError struct {
	Domain string
	Err    error
}

func (e *DomainError) Error() string { return e.Domain + ": " + e.Err.Error() }
func (e *DomainError) Unwrap() error { return e.Err }

// serverError is what the authority answered, with what to check.
type serverError struct {
	problem *legoacme.ProblemDetails
	until   time.Time
}

func (e *serverError) Error() string {
	p := e.problem
	text := fmt.Sprintf("the ACME server says %q (%s)", clean(p.Detail), kind(p.Type))
	for _, sub := range p.SubProblems {
		text += fmt.Sprintf("; %s: %q", clean(sub.Identifier.Value), clean(sub.Detail))
	}
	if a := checkList[kind(p.Type)]; a != "" {
		text += ": " + a
	}
	if !e.until.IsZero() {
		text += fmt.Sprintf(" (it wants no request before %s)", e.until.UTC().Format(time.RFC3339))
	}
	return text
}

func (e *serverError) Unwrap() error { return e.problem }

// checkList says what to look at, by the error types of RFC 8555 (6.7).
var checkList = map[string]string{
	"dns":                     "check that the domain has an A or AAAA record that points to this server",
	"connection":              "check that the domain's A and AAAA records point to this server, and that its port 80 is published and open in every firewall on the way",
	"unauthorized":            "another server may have answered: check that the domain's A and AAAA records point to this one only, and that no proxy in front keeps /.well-known/acme-challenge/ to itself",
	"incorrectResponse":       "another server may have answered: check that the domain's A and AAAA records point to this one only, and that no proxy in front keeps /.well-known/acme-challenge/ to itself",
	"tls":                     "a redirect from port 80 led to HTTPS that does not work: let /.well-known/acme-challenge/ be answered without a redirect",
	"caa":                     "check the domain's CAA records: they have to allow this authority, or not exist",
	"rateLimited":             "wait; while trying things out use the authority's staging directory, whose limits are wide",
	"rejectedIdentifier":      "this authority does not certify that name: check its spelling, or take it off the list of domains",
	"unsupportedIdentifier":   "this authority does not certify that kind of name: take it off the list of domains",
	"invalidContact":          "check the e-mail address in the settings",
	"unsupportedContact":      "check the e-mail address in the settings",
	"userActionRequired":      "the authority's terms of service may have changed: read and accept them at the address that it names",
	"externalAccountRequired": "use another directory, or bring the certificate as files",
	"serverInternal":          "the fault is the authority's: look at its status page, and wait",
	"badNonce":                "a proxy between here and the authority may be caching its answers",
	"malformed":               "the authority may not keep to RFC 8555, or a proxy changed the request",
}

// explain turns what the library answers into sentences for the one who has to act.
func (s *session) explain(err error) error {
	var p *legoacme.ProblemDetails
	var unknown x509.UnknownAuthorityError
	var dns *net.DNSError
	var request *url.Error
	if err != nil && s.transport.ctx.Err() != nil {
		return s.transport.ctx.Err() // asked to end: what broke because of that is of no interest
	}
	if cut := s.transport.broke(); cut != nil && err != nil && !errors.Is(err, cut) && strings.Contains(err.Error(), cut.Error()) {
		// go-jose keeps only the text.
		err = &url.Error{Op: "Asking for a nonce at", URL: s.m.o.Directory, Err: cut}
	}
	switch {
	case err == nil:
		return nil
	case errors.As(err, &p):
		return &serverError{problem: p, until: s.transport.held()}
	case errors.As(err, &unknown):
		return fmt.Errorf("%w: set the authority's own CA certificate if %s is private, and look for a proxy that opens HTTPS if it is not", err, s.m.o.Directory)
	case errors.As(err, &dns):
		return fmt.Errorf("%w: check the directory's address %s, and that this container can resolve names", err, s.m.o.Directory)
	case errors.As(err, &request), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: check that this container reaches %s (outgoing HTTPS, proxy), and that the ACME server runs", err, s.m.o.Directory)
	}
	return err
}

// isType compares with one of RFC 8555's error types.
func isType(err error, t string) bool {
	var p *legoacme.ProblemDetails
	return errors.As(err, &p) && p.Type == t
}

func kind(t string) string { return clean(t[strings.LastIndex(t, ":")+1:]) }

// clean takes what could break a log line out of a stranger's text, and bounds it.
func clean(s string) string {
	r := []rune(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s))
	return string(r[:min(len(r), 500)])
}

// domainsOf names the domains of an error, sorted, for logs.
func domainsOf(err error) []string {
	var out []string
	var walk func(error)
	walk = func(err error) {
		if d, ok := err.(*DomainError); ok {
			out = append(out, d.Domain)
			return
		}
		switch e := err.(type) {
		case interface{ Unwrap() []error }:
			for _, inner := range e.Unwrap() {
				walk(inner)
			}
		case interface{ Unwrap() error }:
			walk(e.Unwrap())
		}
	}
	walk(err)
	slices.Sort(out)
	return slices.Compact(out)
}
