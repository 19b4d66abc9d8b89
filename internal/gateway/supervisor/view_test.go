package supervisor

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/gateway/render"
)

// renewing is a source of certificates that says how renewals go.
type renewing struct{ r Renewal }

func (renewing) Prepare(context.Context) (bool, error)                  { return true, nil }
func (renewing) Run(context.Context, func(context.Context) error) error { return nil }
func (r *renewing) Renewal() Renewal                                    { return r.r }
func asked(t *testing.T, s *Supervisor, path string) string {
	t.Helper()
	w := httptest.NewRecorder()
	s.public().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	require.Equal(t, 200, w.Code, w.Body.String())
	return w.Body.String()
}

// A renewal that fails is otherwise noticed when the certificate ends.
func TestARenewalThatFailsShows(t *testing.T) {
	dir := t.TempDir()
	resolv := filepath.Join(dir, "resolv.conf")
	require.NoError(t, os.WriteFile(resolv, []byte("nameserver 127.0.0.1\n"), 0o600))
	log, _ := quiet(t)
	certs := &renewing{}
	s, err := New(Options{Log: log, Certificates: certs, Settings: Settings{
		Values: render.Values{TLS: "acme"}, Paths: Paths{Run: dir, State: dir, ResolvConf: resolv},
	}})
	require.NoError(t, err)
	s.reloader = &Reloader{}
	state := func() CertificateView {
		var v View
		require.NoError(t, json.Unmarshal([]byte(asked(t, s, "/state")), &v))
		return v.Certificate
	}
	assert.Equal(t, &Renewal{}, state().Renewal)
	assert.Contains(t, asked(t, s, "/metrics"), "\ndrydock_gateway_certificate_renewal_failed 0\n")

	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	certs.r = Renewal{Failed: true, Error: "no A record", Failures: 2, LastAttempt: &at}
	assert.Equal(t, &certs.r, state().Renewal)
	assert.Contains(t, asked(t, s, "/metrics"), "\ndrydock_gateway_certificate_renewal_failed 1\n")

	// Given files: nothing here renews them, and nothing is said about it.
	cert, key := pair(t, at)
	files := &certificateFiles{cert: filepath.Join(dir, "cert"), key: filepath.Join(dir, "key")}
	require.NoError(t, os.WriteFile(files.cert, cert, 0o600))
	require.NoError(t, os.WriteFile(files.key, key, 0o600))
	s.certs = files
	assert.Nil(t, state().Renewal)
	assert.NotContains(t, asked(t, s, "/metrics"), "renewal_failed")
}
