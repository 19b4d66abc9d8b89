package stack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/env"
	"drydock/internal/gateway/certs"
	"drydock/internal/run"
)

// issued writes a certificate for a name, made at a time, and returns its files.
func issued(t *testing.T, name string, made time.Time) certs.LocalFiles {
	t.Helper()
	f, err := certs.Local(t.TempDir(), []string{name}, made)
	require.NoError(t, err)
	return f
}

func written(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// What is wrong with given files is said before anything starts, as a wrong setting, with the paths.
func TestCertificateFromFiles(t *testing.T) {
	now := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	good, other, old := issued(t, "shop.example", now), issued(t, "shop.example", now), issued(t, "shop.example", now.AddDate(-2, 0, 0))
	missing := filepath.Join(t.TempDir(), "missing.pem")
	for name, c := range map[string]struct {
		gateway env.Gateway
		want    string // in the error; "" for none
	}{
		"good":                         {env.Gateway{TLSCert: good.Cert, TLSKey: good.Key, Domains: []string{"shop.example"}}, ""},
		"good, any name":               {env.Gateway{TLSCert: good.Cert, TLSKey: good.Key}, ""},
		"no certificate":               {env.Gateway{TLSCert: missing, TLSKey: good.Key}, "reading TLS_CERT: open " + missing},
		"no key":                       {env.Gateway{TLSCert: good.Cert, TLSKey: missing}, "reading TLS_KEY: open " + missing},
		"a folder":                     {env.Gateway{TLSCert: t.TempDir(), TLSKey: good.Key}, "reading TLS_CERT: "},
		"the key of another":           {env.Gateway{TLSCert: good.Cert, TLSKey: other.Key}, "The private key does not belong to the certificate"},
		"expired":                      {env.Gateway{TLSCert: old.Cert, TLSKey: old.Key}, "The certificate expired on "},
		"not PEM":                      {env.Gateway{TLSCert: written(t, "certificate"), TLSKey: good.Key}, "The certificate file is not PEM"},
		"swapped":                      {env.Gateway{TLSCert: good.Key, TLSKey: good.Cert}, "Are the two files swapped?"},
		"for another name":             {env.Gateway{TLSCert: good.Cert, TLSKey: good.Key, Domains: []string{"other.example"}}, "does not cover other.example"},
		"expired, and the key another": {env.Gateway{TLSCert: old.Cert, TLSKey: good.Key}, "The certificate expired on "},
	} {
		t.Run(name, func(t *testing.T) {
			c.gateway.TLS = "files"
			got, err := (&Stack{Settings: &env.Settings{Gateway: c.gateway}}).certificate(now)
			if c.want == "" {
				require.NoError(t, err)
				assert.Equal(t, map[string]string{"tls_cert": string(good.CertPEM), "tls_key": string(good.KeyPEM)}, got)
				return
			}
			require.ErrorContains(t, err, c.want)
			assert.Equal(t, run.CodeBadInput, run.Code(err))
			assert.Empty(t, got)
			assert.NotContains(t, err.Error(), strings.Split(string(good.KeyPEM), "\n")[1], "a key is no part of a message")
			if name == "expired, and the key another" {
				assert.ErrorContains(t, err, "The private key does not belong to the certificate", "all at once")
				assert.ErrorContains(t, err, "TLS_CERT ("+old.Cert+") and TLS_KEY ("+good.Key+")")
			}
		})
	}
}

func TestAuthorityOfAPrivateACMEServer(t *testing.T) {
	now := time.Now()
	ca := issued(t, "shop.example", now).CA
	text, err := os.ReadFile(ca)
	require.NoError(t, err)
	ask := func(g env.Gateway) (map[string]string, error) {
		return (&Stack{Settings: &env.Settings{Gateway: g}}).certificate(now)
	}
	got, err := ask(env.Gateway{TLS: "acme", ACMECA: ca})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"acme_ca": string(text)}, got)
	for _, g := range []env.Gateway{{TLS: "acme"}, {TLS: "off", ACMECA: ca, TLSCert: "unread"}} {
		got, err = ask(g)
		require.NoError(t, err)
		assert.Empty(t, got)
	}
	for path, want := range map[string]string{filepath.Join(t.TempDir(), "missing"): "reading ACME_CA: ", written(t, "no PEM"): "it holds no certificate in PEM"} {
		_, err = ask(env.Gateway{TLS: "acme", ACMECA: path})
		require.ErrorContains(t, err, want)
		assert.Equal(t, run.CodeBadInput, run.Code(err))
	}
}
