//go:build integration

package acme

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"drydock/internal/gateway/certs"
	"drydock/internal/testkit"
)

// pebble is Let's Encrypt's own test server, as a process of its own, with a name server
// that sends its validations to 127.0.0.1, and the HTTP server of the challenges.
type pebble struct {
	t          testing.TB
	dir        string
	port       int // of the directory
	management int
	config     string
	nameServer string
	roots      *x509.CertPool // for the directory's HTTPS
	challenges string         // folder that is served
	cmd        *exec.Cmd
	log        *bytes.Buffer
	env        []string
}

// Names that the tests' name server knows something special about.
const (
	nowhere = "nowhere.test" // no such name
	closed  = "closed.test"  // an address where nobody listens
	foreign = "foreign.test" // an address where another server answers
)

var build struct {
	once sync.Once
	path string
	err  error
}

func pebbleBinary(t testing.TB) string {
	t.Helper()
	build.once.Do(func() {
		dir, err := os.MkdirTemp("", "pebble-")
		if err != nil {
			build.err = err
			return
		}
		build.path = filepath.Join(dir, "pebble")
		if out, err := exec.Command("go", "build", "-o", build.path, "github.com/letsencrypt/pebble/v2/cmd/pebble").CombinedOutput(); err != nil {
			build.err = fmt.Errorf("building pebble: %w: %s", err, out)
		}
	})
	require.NoError(t, build.err)
	return build.path
}

func TestMain(m *testing.M) {
	code := m.Run()
	if build.path != "" {
		_ = os.RemoveAll(filepath.Dir(build.path))
	}
	os.Exit(code)
}

// startPebble starts all three, for one test. Its nonce errors (5 %) stay on.
func startPebble(t testing.TB, env ...string) *pebble {
	t.Helper()
	p := &pebble{t: t, dir: t.TempDir(), port: testkit.Port(t), management: testkit.Port(t), env: env}
	p.challenges = filepath.Join(p.dir, "challenges")
	web := p.serveChallenges()
	p.serveNames()

	files, err := certs.Local(filepath.Join(p.dir, "https"), []string{"localhost", "127.0.0.1"}, time.Now())
	require.NoError(t, err)
	p.roots = x509.NewCertPool()
	require.True(t, p.roots.AppendCertsFromPEM(files.CAPEM))
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress":           fmt.Sprintf("127.0.0.1:%d", p.port),
		"managementListenAddress": fmt.Sprintf("127.0.0.1:%d", p.management),
		"certificate":             files.Cert, "privateKey": files.Key,
		"httpPort": web, "tlsPort": 1, "keyAlgorithm": "ecdsa",
		"domainBlocklist": []string{"blocked.test"},
		"retryAfter":      map[string]int{"authz": 0, "order": 0},
		"profiles":        map[string]any{"default": map[string]any{"description": "default", "validityPeriod": 90 * 24 * 3600}},
	}})
	require.NoError(t, err)
	p.config = filepath.Join(p.dir, "pebble.json")
	require.NoError(t, os.WriteFile(p.config, config, 0o600))
	p.start()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("pebble:\n%s", p.log)
		}
	})
	return p
}

func (p *pebble) start() {
	p.t.Helper()
	p.log = &bytes.Buffer{}
	p.cmd = exec.Command(pebbleBinary(p.t), "-config", p.config, "-dnsserver", p.nameServer)
	p.cmd.Env = append(os.Environ(), append([]string{"PEBBLE_VA_NOSLEEP=1", "PEBBLE_AUTHZREUSE=0"}, p.env...)...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(p.t, p.cmd.Start())
	client := p.client()
	require.Eventually(p.t, func() bool {
		resp, err := client.Get(p.directory())
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}, 20*time.Second, 20*time.Millisecond, "pebble does not answer")
}

func (p *pebble) stop() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

func (p *pebble) directory() string { return fmt.Sprintf("https://localhost:%d/dir", p.port) }

func (p *pebble) client() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: p.roots}, DisableKeepAlives: true}}
}

// root is the authority that signs the certificates.
func (p *pebble) root() *x509.CertPool {
	p.t.Helper()
	resp, err := p.client().Get(fmt.Sprintf("https://localhost:%d/roots/0", p.management))
	require.NoError(p.t, err)
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	require.NoError(p.t, err)
	pool := x509.NewCertPool()
	require.True(p.t, pool.AppendCertsFromPEM(content))
	return pool
}

// advise sets the server's advice when a certificate should be renewed.
func (p *pebble) advise(certPEM []byte, start, end time.Time) {
	p.t.Helper()
	advice := fmt.Sprintf(`{"suggestedWindow":{"start":%q,"end":%q},"explanationURL":"https://ca.test/why"}`, start.UTC().Format(time.RFC3339), end.UTC().Format(time.RFC3339))
	body, err := json.Marshal(map[string]string{"Certificate": string(certPEM), "ARIResponse": advice})
	require.NoError(p.t, err)
	resp, err := p.client().Post(fmt.Sprintf("https://localhost:%d/set-renewal-info/", p.management), "application/json", bytes.NewReader(body))
	require.NoError(p.t, err)
	_ = resp.Body.Close()
	require.Equal(p.t, http.StatusOK, resp.StatusCode)
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

func (p *pebble) serveNames() {
	p.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // pebble asks over TCP only
	require.NoError(p.t, err)
	p.nameServer = l.Addr().String()
	s := &dns.Server{Listener: l, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		a := new(dns.Msg)
		a.SetReply(q)
		name := strings.TrimSuffix(q.Question[0].Name, ".")
		address := map[string]string{closed: "127.0.0.3", foreign: "127.0.0.2", nowhere: ""}
		ip, special := address[name]
		switch {
		case !special:
			ip = "127.0.0.1"
		case ip == "":
			a.Rcode = dns.RcodeNameError
		}
		if ip != "" && q.Question[0].Qtype == dns.TypeA {
			rr, err := dns.NewRR(q.Question[0].Name + " 1 IN A " + ip)
			if err == nil {
				a.Answer = append(a.Answer, rr)
			}
		}
		_ = w.WriteMsg(a)
	})}
	go func() { _ = s.ActivateAndServe() }()
	p.t.Cleanup(func() { _ = s.Shutdown() })
}

// manager is one that gets its certificate here, and counts what it asks for.
func (p *pebble) manager(t *testing.T, change ...func(*Options)) (*Manager, *counter) {
	t.Helper()
	m := manager(t, append([]func(*Options){func(o *Options) {
		o.Directory, o.RootCAs, o.Challenges = p.directory(), p.roots, p.challenges
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
