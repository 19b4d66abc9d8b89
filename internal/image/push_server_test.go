package image

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
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
