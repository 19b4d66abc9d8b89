package image

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/env"
)

func TestRegistryTransportExtraCA(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))

	for path, ok := range map[string]bool{ca: true, "": false} {
		transport, err := registryTransport(env.Build{ExtraCA: path})
		require.NoError(t, err)
		resp, err := transport.RoundTrip(httptest.NewRequest(http.MethodGet, server.URL, nil))
		assert.Equal(t, ok, err == nil, "%v", err)
		if err == nil {
			require.NoError(t, resp.Body.Close())
		}
	}
	_, err := registryTransport(env.Build{ExtraCA: ca + "x"})
	require.ErrorContains(t, err, "EXTRA_CA")
	require.NoError(t, os.WriteFile(ca, []byte("no certificate"), 0o600))
	_, err = registryTransport(env.Build{ExtraCA: ca})
	require.ErrorContains(t, err, "no certificate in PEM")
}

func TestRegistryTransportProxy(t *testing.T) {
	rt, err := registryTransport(env.Build{HTTPSProxy: "http://proxy.corp:3128", NoProxy: "inside.corp"})
	require.NoError(t, err)
	transport, ok := rt.(*http.Transport)
	require.True(t, ok)
	for url, want := range map[string]string{
		"https://registry.example.com/v2/": "http://proxy.corp:3128",
		"https://inside.corp/v2/":          "",
		"http://127.0.0.1:5000/v2/":        "",
		"http://registry.example.com/v2/":  "",
	} {
		proxy, err := transport.Proxy(httptest.NewRequest(http.MethodGet, url, nil))
		require.NoError(t, err)
		got := ""
		if proxy != nil {
			got = proxy.String()
		}
		assert.Equal(t, want, got, url)
	}
}
