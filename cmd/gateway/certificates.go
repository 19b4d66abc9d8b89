package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"drydock/internal/gateway/acme"
	"drydock/internal/gateway/render"
	"drydock/internal/gateway/supervisor"
)

// acmeCA is the authority of a private ACME server, if there is one.
const acmeCA = "/run/secrets/acme_ca"

// certificates is where certificates come from; nil leaves it to the supervisor, which
// knows how to use files that are given.
func certificates(s supervisor.Settings, getenv func(string) string, log *slog.Logger) (supervisor.Certificates, error) {
	if s.Values.TLS != "acme" {
		return nil, nil
	}
	roots, err := trusted(acmeCA)
	if err != nil {
		return nil, err
	}
	m, err := acme.New(acme.Options{
		Directory: getenv("ACME_DIRECTORY"), Email: getenv("ACME_EMAIL"), Domains: s.Values.Domains,
		// ACME_CERT is <store>/current/cert.pem.
		Store: filepath.Dir(filepath.Dir(render.ACMECert)), Challenges: render.Challenges,
		AcceptTerms: true, // the manual says that TLS=acme does
		RootCAs:     roots, Log: log,
	})
	if err != nil {
		return nil, supervisor.WithCode(supervisor.CodeUsage, err)
	}
	return renewed{m}, nil
}

// renewed tells the supervisor, in its words, how renewals go.
type renewed struct{ *acme.Manager }

// Renewal is what came of the last attempt, by this process or the one before it.
func (r renewed) Renewal() supervisor.Renewal { return renewal(r.Status()) }

func renewal(s acme.Status) supervisor.Renewal {
	known := func(at time.Time) *time.Time {
		if at.IsZero() {
			return nil
		}
		return &at
	}
	v := supervisor.Renewal{Failed: s.LastError != "", Error: s.LastError, LastAttempt: known(s.LastAttempt), NextAttempt: known(s.NextAttempt), Placeholder: s.Placeholder}
	if v.Failed {
		v.Failures = s.Failures
	}
	return v
}

// trusted is the system's authorities and one more; nil without one more.
func trusted(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading ACME_CA: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("reading the system's certificate authorities: %w", err)
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, supervisor.WithCode(supervisor.CodeUsage, errors.New("ACME_CA holds no certificate in PEM"))
	}
	return pool, nil
}
