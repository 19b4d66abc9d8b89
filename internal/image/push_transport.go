package image

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/net/http/httpproxy"

	"drydock/internal/env"
)

// RegistryOf reads the registry from the settings, with the proxies and the
// extra CA that builds use.
func RegistryOf(s *env.Settings) (Registry, error) {
	transport, err := registryTransport(s.Build)
	if err != nil {
		return Registry{}, fmt.Errorf("preparing to talk to the registry: %w", err)
	}
	return Registry{
		Path: s.Image.Registry, User: s.Image.RegistryUser, Password: s.Image.RegistryPassword.Reveal(),
		Transport: transport,
	}, nil
}

func registryTransport(b env.Build) (http.RoundTripper, error) {
	base, ok := remote.DefaultTransport.(*http.Transport)
	if !ok {
		return nil, fmt.Errorf("go-containerregistry's transport is a %T", remote.DefaultTransport)
	}
	t := base.Clone()
	proxies := (&httpproxy.Config{HTTPProxy: b.HTTPProxy, HTTPSProxy: b.HTTPSProxy, NoProxy: b.NoProxy}).ProxyFunc()
	t.Proxy = func(r *http.Request) (*url.URL, error) { return proxies(r.URL) }
	if b.ExtraCA == "" {
		return t, nil
	}
	pem, err := os.ReadFile(b.ExtraCA)
	if err != nil {
		return nil, fmt.Errorf("reading EXTRA_CA: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("reading the system's certificates: %w", err)
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("reading EXTRA_CA: %s has no certificate in PEM", b.ExtraCA)
	}
	t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return t, nil
}
