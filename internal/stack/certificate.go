package stack

import (
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"drydock/internal/gateway/certs"
	"drydock/internal/run"
)

// certificate is the files that the gateway finds in /run/secrets: its certificate and
// key when they come from this machine, and the authority of a private ACME server.
func (s *Stack) certificate(now time.Time) (map[string]string, error) {
	files := map[string]string{}
	g := s.Settings.Gateway
	switch g.TLS {
	case "local":
		f, err := certs.Local(s.Settings.Path(filepath.Join(".secrets", s.Settings.Env, "tls")), localNames(g.Domains, s.Settings.HTTP.Bind), now)
		if err != nil {
			return nil, fmt.Errorf("making the certificate of this machine: %w", err)
		}
		if f.NewAuthority {
			s.say("%s is the certificate authority of this checkout: import it into the browser once, and https://localhost:%d is trusted", f.CA, s.Settings.HTTP.TLSPort)
		}
		files["tls_cert"], files["tls_key"] = string(f.CertPEM), string(f.KeyPEM)
	case "files":
		cert, err := given("TLS_CERT", g.TLSCert)
		if err != nil {
			return nil, err
		}
		key, err := given("TLS_KEY", g.TLSKey)
		if err != nil {
			return nil, err
		}
		if problems := certs.Check(cert, key, g.Domains, now); len(problems) > 0 {
			return nil, run.WithCode(run.CodeBadInput, fmt.Errorf("checking TLS_CERT (%s) and TLS_KEY (%s): %w", g.TLSCert, g.TLSKey, certs.AsError(problems)))
		}
		files["tls_cert"], files["tls_key"] = string(cert), string(key)
	case "acme":
		if g.ACMECA != "" {
			ca, err := given("ACME_CA", g.ACMECA)
			if err != nil {
				return nil, err
			}
			if !x509.NewCertPool().AppendCertsFromPEM(ca) { // the gateway would not start, again and again
				return nil, run.WithCode(run.CodeBadInput, fmt.Errorf("checking ACME_CA (%s): it holds no certificate in PEM", g.ACMECA))
			}
			files["acme_ca"] = string(ca)
		}
	}
	return files, nil
}

// given reads a file that a setting names. That it exists was seen when the settings were
// loaded; that it can be read is seen here.
func given(key, path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, run.WithCode(run.CodeBadInput, fmt.Errorf("reading %s: %w", key, err))
	}
	return content, nil
}

// localNames are what a developer may type, and the product's own names.
func localNames(domains []string, bind string) []string {
	names := append([]string{"localhost", "*.localhost", "127.0.0.1", "::1"}, domains...)
	if bind != "0.0.0.0" && bind != "::" && !slices.Contains(names, bind) {
		names = append(names, bind)
	}
	return names
}
