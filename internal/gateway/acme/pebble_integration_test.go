//go:build integration

package acme

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"drydock/internal/testkit"
	"drydock/internal/testkit/acmeserver"
)

// pebble is a real ACME server and the HTTP server of the challenges.
type pebble struct {
	*acmeserver.Server
	t          testing.TB
	challenges string // folder that is served
}

// Names that the tests' name server knows something special about.
const (
	nowhere = "nowhere.test" // no such name
	closed  = "closed.test"  // an address where nobody listens
	foreign = "foreign.test" // an address where another server answers
)

func TestMain(m *testing.M) {
	code := m.Run()
	acmeserver.Clean()
	os.Exit(code)
}

// startPebble starts both, for one test.
func startPebble(t testing.TB, env ...string) *pebble {
	t.Helper()
	p := &pebble{t: t, challenges: filepath.Join(t.TempDir(), "challenges")}
	p.Server = acmeserver.Start(t, acmeserver.Options{
		HTTPPort: p.serveChallenges(), Blocked: []string{"blocked.test"}, Env: env,
		Address: func(domain string) string {
			if ip, special := map[string]string{closed: "127.0.0.3", foreign: "127.0.0.2", nowhere: ""}[domain]; special {
				return ip
			}
			return "127.0.0.1"
		},
	})
	return p
}

// serveChallenges serves the folder as nginx does, on 127.0.0.1; on 127.0.0.2 another
// site answers, on 127.0.0.3 nobody.
func (p *pebble) serveChallenges() (port int) {
	p.t.Helper()
	port = testkit.Port(p.t)
	serve := func(host string, h http.Handler) {
		l, err := net.Listen("tcp", net.JoinHostPort(host, fmt.Sprint(port)))
		require.NoError(p.t, err)
		s := &http.Server{Handler: h}
		go func() { _ = s.Serve(l) }()
		p.t.Cleanup(func() { _ = s.Close() })
	}
	const at = "/.well-known/acme-challenge/"
	mux := http.NewServeMux()
	mux.Handle(at, http.StripPrefix(at, http.FileServer(http.Dir(p.challenges))))
	serve("127.0.0.1", mux)
	serve("127.0.0.2", http.NotFoundHandler())
	return port
}

// manager is one that gets its certificate here, and counts what it asks for.
func (p *pebble) manager(t *testing.T, change ...func(*Options)) (*Manager, *counter) {
	t.Helper()
	m := manager(t, append([]func(*Options){func(o *Options) {
		o.Directory, o.RootCAs, o.Challenges = p.Directory(), p.Roots, p.challenges
		o.Domains = []string{"shop.test", "www.shop.test"}
	}}, change...)...)
	c := &counter{}
	m.trace = c.count
	return m, c
}

// counter counts requests by their path; pebble's paths say what they are.
type counter struct {
	mu    sync.Mutex
	paths []string
	at    int
	hook  func()
}

func (c *counter) count(r *http.Request) {
	c.mu.Lock()
	c.paths = append(c.paths, r.URL.Path)
	n, hook := len(c.paths), c.hook
	c.mu.Unlock()
	if hook != nil && n == c.at {
		hook()
	}
}

// seen counts requests whose path begins so.
func (c *counter) seen(prefix string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.paths {
		if strings.HasPrefix(p, prefix) {
			n++
		}
	}
	return n
}

func (c *counter) total() int { return c.seen("/") }

const (
	orders   = "/order-plz"
	accounts = "/sign-me-up"
)

func withTimeout(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
