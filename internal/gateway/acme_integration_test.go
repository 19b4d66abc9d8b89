//go:build integration

package gateway_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/gateway/acme"
	"drydock/internal/testkit"
	"drydock/internal/testkit/acmeserver"
)

func TestMain(m *testing.M) {
	code := m.Run()
	acmeserver.Clean()
	os.Exit(code)
}

// The gateway gets its certificate by itself, over plain HTTP that otherwise only leads to
// HTTPS, and reloads once for it. A renewal that fails leaves the certificate that serves.
func TestCertificateFromAnAuthority(t *testing.T) {
	t.Parallel()
	way := newWay(t)
	host := bridgeAddress(t)
	var unreachable atomic.Bool
	ca := acmeserver.Start(t, acmeserver.Options{Listen: host, Names: []string{host}, HTTPPort: way.port, Address: func(string) string {
		if unreachable.Load() {
			return "127.0.0.3" // nobody listens there
		}
		return "127.0.0.1"
	}})
	require.NoError(t, os.Chmod(ca.CAFile, 0o644))
	for path := filepath.Dir(ca.CAFile); len(path) > len(os.TempDir()); path = filepath.Dir(path) {
		require.NoError(t, os.Chmod(path, 0o755)) // the engine's users differ from this one
	}
	volume := testkit.Name(t, "gateway")
	docker(t, append(append([]string{"volume", "create"}, testkit.LabelOptions(t)...), volume)...)
	s := newSite(t, "--publish", "127.0.0.1::8443", "--volume", volume+":/var/lib/gateway", "--volume", ca.CAFile+":/run/secrets/acme_ca:ro",
		"--env", "TLS=acme", "--env", "DOMAIN=shop.test,www.shop.test", "--env", "HTTP_REDIRECT=true", "--env", "ACME_DIRECTORY="+ca.Directory(),
		"--env", "ACME_EMAIL=ops@shop.test")
	way.to.Store(&s.addr)

	roots := ca.Root()
	s.until("the authority's certificate is served", func() bool {
		chain := s.chain("shop.test")
		if len(chain) == 0 {
			return false
		}
		between := x509.NewCertPool()
		for _, c := range chain[1:] {
			between.AddCert(c)
		}
		_, err := chain[0].Verify(x509.VerifyOptions{DNSName: "www.shop.test", Roots: roots, Intermediates: between})
		return err == nil
	})
	// The placeholder's generation and the real one's: one reload.
	s.until("the reload is over", func() bool { st := s.state(); return st.Generation == 2 && st.Workers.Old == 0 })
	first := s.chain("shop.test")[0]

	// The gateway is restarted when a renewal is due and the authority cannot reach it.
	ca.Advise([]byte(docker(t, "exec", s.gateway, "cat", "/var/lib/gateway/tls/current/cert.pem")), time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))
	unreachable.Store(true)
	docker(t, "restart", "--time", "10", s.gateway)
	s.found()
	s.until("the renewal has failed", func() bool {
		out, err := tryDocker("exec", s.gateway, "cat", "/var/lib/gateway/tls/status.json")
		var status acme.Status
		return err == nil && json.Unmarshal([]byte(out), &status) == nil && status.Failures > 0
	})
	s.until("the operator sees that", func() bool { r := s.state().Certificate.Renewal; return r != nil && r.Failed })
	assert.Contains(t, docker(t, "exec", s.gateway, "gateway", "state"), "renewal: FAILED")
	assert.Contains(t, string(testkit.Get(t, "http://"+s.admin+"/metrics").Body), "drydock_gateway_certificate_renewal_failed 1")
	again := s.chain("shop.test")
	require.NotEmpty(t, again)
	assert.Equal(t, first.SerialNumber, again[0].SerialNumber, "the old certificate goes on")
	assert.Equal(t, 3, s.state().Generation, "the start made one; a renewal that failed makes none")
}

// way leads from a port that is known beforehand to the gateway, whose port is not.
type way struct {
	port int
	to   atomic.Pointer[string]
}

func newWay(t *testing.T) *way {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	w := &way{port: l.Addr().(*net.TCPAddr).Port}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go w.pass(in)
		}
	}()
	return w
}

func (w *way) pass(in net.Conn) {
	defer in.Close()
	for end := time.Now().Add(10 * time.Second); w.to.Load() == nil && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond) // the gateway asks before the test knows its port
	}
	to := w.to.Load()
	if to == nil {
		return
	}
	out, err := net.Dial("tcp", *to)
	if err != nil {
		return
	}
	defer out.Close()
	go func() { _, _ = io.Copy(out, in) }()
	_, _ = io.Copy(in, out)
}

// chain is what is served for a name, trusted or not; nil when nobody answers.
func (s *site) chain(name string) []*x509.Certificate {
	conn, err := tls.Dial("tcp", docker(s.t, "port", s.gateway, "8443/tcp"), &tls.Config{ServerName: name, InsecureSkipVerify: true}) // what it is, is what is asked
	if err != nil {
		return nil
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates
}

// bridgeAddress is this machine's on the default bridge. The engine tells it only where it did
// not choose it itself.
func bridgeAddress(t *testing.T) string {
	t.Helper()
	name := docker(t, "network", "inspect", "bridge", "--format", `{{index .Options "com.docker.network.bridge.name"}}`)
	link, err := net.InterfaceByName(name)
	require.NoError(t, err)
	list, err := link.Addrs()
	require.NoError(t, err)
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil {
			return n.IP.String()
		}
	}
	t.Fatalf("%s has no address", name)
	return ""
}
