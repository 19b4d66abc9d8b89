package image

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPushPassword(t *testing.T) {
	const password = `p@ss/w%rd"$ x`
	reg := newTestRegistry(t)
	reg.user, reg.password = "ci", password
	from := newMemory().put(t, backendRef, contentOf(t, ours("backend", "a"), big(t, "a", 500)))

	_, err := Push(t.Context(), from, backendAt("v1"), reg.at(), nil)
	require.NoError(t, err)

	wrong := reg.at()
	reg.password = "another"
	_, err = Push(t.Context(), from, backendAt("v2"), wrong, nil)
	require.ErrorContains(t, err, "REGISTRY_USER is ci")
	assert.NotContains(t, err.Error(), password)
	assert.NotContains(t, err.Error(), base64.StdEncoding.EncodeToString([]byte("ci:"+password)))
	assert.NotContains(t, err.Error(), `p@ss`)
}

func TestRegistrySettings(t *testing.T) {
	tests := map[string]struct {
		reg  Registry
		want string // of the error; "" opens
	}{
		"host and path":      {Registry{Path: "registry.example.com/shop"}, ""},
		"trailing slash":     {Registry{Path: "registry.example.com/shop/"}, ""},
		"port":               {Registry{Path: "localhost:5000/shop/eu"}, ""},
		"scheme":             {Registry{Path: "https://registry.example.com/shop"}, ""},
		"empty":              {Registry{}, "REGISTRY is not set"},
		"no path":            {Registry{Path: "registry.example.com"}, "a host and a path"},
		"no host":            {Registry{Path: "alice/shop"}, "a host and a path"},
		"password inside":    {Registry{Path: "ci:hunter2@registry.example.com/shop"}, "REGISTRY_USER"},
		"user alone":         {Registry{Path: "registry.example.com/shop", User: "ci"}, "belong together"},
		"password alone":     {Registry{Path: "registry.example.com/shop", Password: "hunter2"}, "belong together"},
		"upper case in path": {Registry{Path: "registry.example.com/Shop"}, "reading REGISTRY"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := tt.reg.open()
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.want)
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestRegistryNames(t *testing.T) {
	for path, want := range map[string]string{
		"registry.example.com/shop":         "registry.example.com/shop/backend",
		"registry.example.com:5000/shop/eu": "registry.example.com:5000/shop/eu/backend",
		"docker.io/alice":                   "index.docker.io/alice/backend",
		"http://10.0.0.5:5000/shop/":        "10.0.0.5:5000/shop/backend",
	} {
		s, err := Registry{Path: path}.open()
		require.NoError(t, err)
		assert.Equal(t, want, s.repo("backend").Name())
	}
}

// Without REGISTRY_USER the docker command's own log-in counts.
func TestPushWithDockerLogin(t *testing.T) {
	reg := newTestRegistry(t)
	at := reg.at()
	reg.user, reg.password = "ci", "from docker login"
	from := newMemory().put(t, backendRef, contentOf(t, ours("backend", "a"), big(t, "a", 500)))
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	_, err := Push(t.Context(), from, backendAt("v1"), at, nil)
	require.ErrorContains(t, err, "docker login")

	host, _, _ := strings.Cut(at.Path, "/")
	login := base64.StdEncoding.EncodeToString([]byte("ci:from docker login"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"auths": {"`+host+`": {"auth": "`+login+`"}}}`), 0o600))
	_, err = Push(t.Context(), from, backendAt("v1"), at, nil)
	require.NoError(t, err)
}

func TestPlainHTTPOnlyWhenAllowed(t *testing.T) {
	asked := 0
	next := roundTrip(func(*http.Request) (*http.Response, error) {
		asked++
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
	})
	tests := []struct {
		url     string
		allowed bool
		ok      bool
	}{
		{"https://registry.example.com/v2/", false, true},
		{"http://127.0.0.1:5000/v2/", false, true},
		{"http://localhost/v2/", false, true},
		{"http://[::1]:5000/v2/", false, true},
		{"http://10.1.2.3:5000/v2/", false, false},
		{"http://10.1.2.3:5000/v2/", true, true},
		{"http://localhost.example.com/v2/", false, false},
	}
	for _, tt := range tests {
		req := httptest.NewRequest(http.MethodGet, tt.url, nil)
		before := asked
		resp, err := noPlainHTTP{next, tt.allowed}.RoundTrip(req)
		if tt.ok {
			require.NoError(t, err, tt.url)
			require.NoError(t, resp.Body.Close())
			continue
		}
		require.ErrorContains(t, err, "plain HTTP", tt.url)
		assert.Equal(t, before, asked, "nothing was sent")
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
