// Package acmeserver gives tests a real ACME server: pebble, Let's Encrypt's own test
// server, as a process of its own, with a name server that decides where its validations
// go. Its random nonce errors (5 %) stay on: a client has to live with them.
package acmeserver

import (
	"bytes"
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

// Options say where the server listens and looks.
type Options struct {
	Listen   string   // address of the directory; "" is 127.0.0.1
	Names    []string // of the directory, besides localhost and 127.0.0.1
	HTTPPort int      // where the challenges are asked for
	// Address is where a domain is; "" means that there is no such name. nil sends every
	// name to 127.0.0.1.
	Address func(domain string) string
	Blocked []string // domains that are refused
	Env     []string // KEY=value for pebble
}

// Server is a running one.
type Server struct {
	Port       int // of the directory
	Management int
	CAFile     string         // authority of the directory's own HTTPS
	Roots      *x509.CertPool // the same

	t      testing.TB
	o      Options
	config string
	names  string // address of the name server
	cmd    *exec.Cmd
	log    *bytes.Buffer
}

var build struct {
	once sync.Once
	path string
	err  error
}

// binary builds pebble once a test process, from the module that go.mod pins.
func binary(t testing.TB) string {
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

// Clean removes what the package built; for TestMain.
func Clean() {
	if build.path != "" {
		_ = os.RemoveAll(filepath.Dir(build.path))
	}
}

// Start starts a server for one test.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	if o.Listen == "" {
		o.Listen = "127.0.0.1"
	}
	dir := t.TempDir()
	s := &Server{t: t, o: o, Port: testkit.Port(t), Management: testkit.Port(t), config: filepath.Join(dir, "pebble.json")}
	s.serveNames()
	files, err := certs.Local(filepath.Join(dir, "https"), append([]string{"localhost", "127.0.0.1"}, o.Names...), time.Now())
	require.NoError(t, err)
	s.CAFile, s.Roots = files.CA, x509.NewCertPool()
	require.True(t, s.Roots.AppendCertsFromPEM(files.CAPEM))
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress":           net.JoinHostPort(o.Listen, fmt.Sprint(s.Port)),
		"managementListenAddress": fmt.Sprintf("127.0.0.1:%d", s.Management),
		"certificate":             files.Cert, "privateKey": files.Key,
		"httpPort": o.HTTPPort, "tlsPort": 1, "keyAlgorithm": "ecdsa",
		"domainBlocklist": o.Blocked,
		"retryAfter":      map[string]int{"authz": 0, "order": 0},
		"profiles":        map[string]any{"default": map[string]any{"description": "default", "validityPeriod": 90 * 24 * 3600}},
	}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(s.config, config, 0o600))
	s.Restart()
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("pebble:\n%s", s.log)
		}
	})
	return s
}

// Restart starts a server that was stopped; it has forgotten everything.
func (s *Server) Restart() {
	s.t.Helper()
	s.log = &bytes.Buffer{}
	s.cmd = exec.Command(binary(s.t), "-config", s.config, "-dnsserver", s.names)
	s.cmd.Env = append(os.Environ(), append([]string{"PEBBLE_VA_NOSLEEP=1", "PEBBLE_AUTHZREUSE=0"}, s.o.Env...)...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(s.t, s.cmd.Start())
	client := s.Client()
	require.Eventually(s.t, func() bool {
		resp, err := client.Get(s.Directory())
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}, 20*time.Second, 20*time.Millisecond, "pebble does not answer")
}

// Stop ends the server at once.
func (s *Server) Stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// Directory is the address that clients of this machine are given.
func (s *Server) Directory() string {
	host := "localhost"
	if s.o.Listen != "127.0.0.1" {
		host = s.o.Listen
	}
	return "https://" + net.JoinHostPort(host, fmt.Sprint(s.Port)) + "/dir"
}

// Client trusts the directory.
func (s *Server) Client() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.Roots}, DisableKeepAlives: true}}
}

// Root is the authority that signs the certificates.
func (s *Server) Root() *x509.CertPool {
	s.t.Helper()
	resp, err := s.Client().Get(fmt.Sprintf("https://localhost:%d/roots/0", s.Management))
	require.NoError(s.t, err)
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	pool := x509.NewCertPool()
	require.True(s.t, pool.AppendCertsFromPEM(content))
	return pool
}

// Advise sets the server's advice when a certificate should be renewed (RFC 9773).
func (s *Server) Advise(certPEM []byte, start, end time.Time) {
	s.t.Helper()
	advice := fmt.Sprintf(`{"suggestedWindow":{"start":%q,"end":%q},"explanationURL":"https://ca.test/why"}`, start.UTC().Format(time.RFC3339), end.UTC().Format(time.RFC3339))
	body, err := json.Marshal(map[string]string{"Certificate": string(certPEM), "ARIResponse": advice})
	require.NoError(s.t, err)
	resp, err := s.Client().Post(fmt.Sprintf("https://localhost:%d/set-renewal-info/", s.Management), "application/json", bytes.NewReader(body))
	require.NoError(s.t, err)
	_ = resp.Body.Close()
	require.Equal(s.t, http.StatusOK, resp.StatusCode)
}

// serveNames answers pebble, which asks over TCP only.
func (s *Server) serveNames() {
	s.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(s.t, err)
	s.names = l.Addr().String()
	server := &dns.Server{Listener: l, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		a := new(dns.Msg)
		a.SetReply(q)
		ip := "127.0.0.1"
		if s.o.Address != nil {
			ip = s.o.Address(strings.TrimSuffix(q.Question[0].Name, "."))
		}
		if ip == "" {
			a.Rcode = dns.RcodeNameError
		} else if q.Question[0].Qtype == dns.TypeA {
			if rr, err := dns.NewRR(q.Question[0].Name + " 1 IN A " + ip); err == nil {
				a.Answer = append(a.Answer, rr)
			}
		}
		_ = w.WriteMsg(a)
	})}
	go func() { _ = server.ActivateAndServe() }()
	s.t.Cleanup(func() { _ = server.Shutdown() })
}
