package image

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// testRegistry is go-containerregistry's registry behind a door that counts,
// asks for a password, and can break connections off.
type testRegistry struct {
	*httptest.Server
	uploads  atomic.Int64 // finished blobs
	user     string
	password string
	mu       sync.Mutex
	breakAt  int // upload that gets its connection cut in the middle; counted down
}

func newTestRegistry(t *testing.T) *testRegistry {
	t.Helper()
	r := &testRegistry{}
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if r.password != "" {
			if u, p, ok := req.BasicAuth(); !ok || u != r.user || p != r.password {
				w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
				// Some registries repeat what they were sent.
				http.Error(w, "refused "+req.Header.Get("Authorization")+" "+p, http.StatusUnauthorized)
				return
			}
		}
		blob := strings.Contains(req.URL.Path, "/blobs/uploads/")
		if blob && req.Method == http.MethodPatch && r.cut() {
			_, _ = io.CopyN(io.Discard, req.Body, 1000) // the client may be gone already
			panic(http.ErrAbortHandler)
		}
		if blob && req.Method == http.MethodPut {
			r.uploads.Add(1)
		}
		inner.ServeHTTP(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *testRegistry) cut() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.breakAt == 0 {
		return false
	}
	r.breakAt--
	return r.breakAt == 0
}

func (r *testRegistry) at() Registry {
	return Registry{Path: strings.TrimPrefix(r.URL, "http://") + "/shop", User: r.user, Password: r.password}
}

func backendAt(tag string) []PushImage {
	return []PushImage{{Ref: backendRef, Name: "backend", Tag: tag}}
}

func TestPushAndPull(t *testing.T) {
	reg := newTestRegistry(t)
	base, top := big(t, "base", 100_000), big(t, "top", 10_000)
	image := contentOf(t, ours("backend", "in1"), base, top)
	from := newMemory().put(t, backendRef, image)

	var said bytes.Buffer
	done, err := Push(t.Context(), from, backendAt("v1"), reg.at(), &said)
	require.NoError(t, err)
	require.Len(t, done, 1)
	first := done[0]
	assert.Equal(t, StatusPushed, first.Status)
	assert.Equal(t, image.ID(), first.ID)
	assert.Equal(t, reg.at().Path+"/backend@"+first.Digest, first.Ref)
	assert.Equal(t, first.Bytes, first.Uploaded)
	assert.EqualValues(t, 3, reg.uploads.Load(), "two layers and the configuration")
	assert.Contains(t, said.String(), "backend: uploading ")
	assert.Contains(t, said.String(), "backend: pushed "+first.Ref)

	t.Run("again is nothing to do", func(t *testing.T) {
		reg.uploads.Store(0)
		done, err := Push(t.Context(), from, backendAt("v1"), reg.at(), nil)
		require.NoError(t, err)
		assert.Equal(t, StatusUnchanged, done[0].Status)
		assert.Equal(t, first.Ref, done[0].Ref)
		assert.Zero(t, done[0].Uploaded)
		assert.Zero(t, reg.uploads.Load())
	})
	t.Run("a tag is never moved", func(t *testing.T) {
		other := newMemory().put(t, backendRef, contentOf(t, ours("backend", "in2"), base))
		_, err := Push(t.Context(), other, backendAt("v1"), reg.at(), nil)
		require.ErrorIs(t, err, ErrTagTaken)
		require.ErrorContains(t, err, "push under a new version")
	})
	t.Run("shared blobs stay where they are", func(t *testing.T) {
		reg.uploads.Store(0)
		next := newMemory().put(t, backendRef, contentOf(t, ours("backend", "in3"), base, big(t, "new", 500)))
		done, err := Push(t.Context(), next, backendAt("v2"), reg.at(), nil)
		require.NoError(t, err)
		assert.EqualValues(t, 2, reg.uploads.Load(), "one layer and the configuration")
		assert.Less(t, done[0].Uploaded, done[0].Bytes)
	})
	t.Run("pull brings the same image", func(t *testing.T) {
		to := newMemory().put(t, "drydock/base-trixie:b", contentOf(t, ours("base-trixie", "b"), base))
		got, err := Pull(t.Context(), to, first.Ref, backendRef, reg.at(), nil)
		require.NoError(t, err)
		assert.Equal(t, image.ID(), to.tags[backendRef])
		assert.Equal(t, StatusShipped, got.Status)
		assert.Less(t, got.Layers, got.Whole, "the base was there")
		got, err = Pull(t.Context(), to, first.Ref, backendRef, reg.at(), nil)
		require.NoError(t, err)
		assert.Equal(t, StatusUnchanged, got.Status)
	})
	t.Run("pull wants a digest, from the registry that is set", func(t *testing.T) {
		_, err := Pull(t.Context(), newMemory(), reg.at().Path+"/backend:v1", backendRef, reg.at(), nil)
		require.ErrorContains(t, err, "by digest")
		_, err = Pull(t.Context(), newMemory(), "other.example.com/backend@"+first.Digest, backendRef, reg.at(), nil)
		require.ErrorContains(t, err, "REGISTRY is at 127.0.0.1")
	})
}

func TestPushOneOfMany(t *testing.T) {
	reg := newTestRegistry(t)
	base := big(t, "base", 50_000)
	from := newMemory().put(t, backendRef, contentOf(t, ours("backend", "a"), base, big(t, "a", 500)))
	from.put(t, "drydock/redis:r", contentOf(t, ours("redis", "r"), base, big(t, "r", 500)))
	images := append(backendAt("v1"), PushImage{Ref: "drydock/redis:r", Name: "redis", Tag: "r"}, PushImage{Ref: "drydock/no:1", Name: "no", Tag: "1"})
	done, err := Push(t.Context(), from, images, reg.at(), nil)
	require.ErrorContains(t, err, "pushing drydock/no:1")
	require.Len(t, done, 2, "what was pushed before the failure is told")
}

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

func TestPushInterrupted(t *testing.T) {
	reg := newTestRegistry(t)
	from := newMemory().put(t, backendRef, contentOf(t, ours("backend", "a"), big(t, "a", 300_000), big(t, "b", 300_000), big(t, "c", 300_000)))

	t.Run("one connection breaks: the push itself tries again", func(t *testing.T) {
		reg.breakAt = 2
		done, err := Push(t.Context(), from, backendAt("v1"), reg.at(), nil)
		require.NoError(t, err)
		assert.Equal(t, StatusPushed, done[0].Status)
	})
	t.Run("the person breaks off: the next push goes on", func(t *testing.T) {
		reg := newTestRegistry(t)
		ctx, cancel := context.WithCancel(t.Context())
		stop := reg.at()
		stop.Jobs = 1
		stop.Transport = cancelAfter{http.DefaultTransport, cancel, "PUT", &reg.uploads, 1}
		_, err := Push(ctx, from, backendAt("v2"), stop, nil)
		require.ErrorIs(t, err, context.Canceled)
		before := reg.uploads.Load()
		require.Positive(t, before)
		require.Less(t, before, int64(4))
		done, err := Push(t.Context(), from, backendAt("v2"), reg.at(), nil)
		require.NoError(t, err)
		assert.EqualValues(t, 4, reg.uploads.Load(), "what was up already is not sent again")
		assert.Less(t, done[0].Uploaded, done[0].Bytes)
	})
}

// cancelAfter cancels once the registry finished so many uploads.
type cancelAfter struct {
	next   http.RoundTripper
	cancel func()
	method string
	done   *atomic.Int64
	n      int64
}

func (c cancelAfter) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.next.RoundTrip(r)
	if r.Method == c.method && c.done.Load() >= c.n {
		c.cancel()
	}
	return resp, err
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
