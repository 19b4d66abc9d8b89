//go:build integration

package gateway_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"drydock/internal/gateway/certs"
	"drydock/internal/gateway/supervisor"
	"drydock/internal/testkit"
)

// site is one gateway on a network of its own, as hardened as in production.
type site struct {
	t       testing.TB
	network string
	gateway string // container
	addr    string // host:port of the gateway
	secure  string // host:port of its HTTPS; empty without
	admin   string // host:port of the supervisor
	host    string // the name that it is asked by
	ca      string // file with the authority of its certificate
}

// newSite starts a gateway with more options of `docker run`.
func newSite(t testing.TB, options ...string) *site {
	t.Helper()
	s := &site{t: t, host: "product.example:8080"}
	s.start(options)
	return s
}

// newSecureSite is newSite with a certificate for names; it is asked by the first one.
func newSecureSite(t testing.TB, names []string, options ...string) *site {
	t.Helper()
	return newSecureSiteOf(t, time.Now(), names, options...)
}

// newSecureSiteOf has a certificate that was made at another time.
func newSecureSiteOf(t testing.TB, made time.Time, names []string, options ...string) *site {
	t.Helper()
	dir := t.TempDir()
	files, err := certs.Local(filepath.Join(dir, "authority"), names, made)
	require.NoError(t, err)
	secrets := filepath.Join(dir, "secrets")
	require.NoError(t, os.Mkdir(secrets, 0o755))
	// The engine's users differ from this one.
	for path := dir; len(path) > len(os.TempDir()); path = filepath.Dir(path) {
		require.NoError(t, os.Chmod(path, 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(secrets, "tls_cert"), files.CertPEM, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(secrets, "tls_key"), files.KeyPEM, 0o644))
	s := &site{t: t, host: names[0], ca: files.CA}
	s.start(append([]string{"--env", "TLS=files", "--publish", "127.0.0.1::8443", "--volume", secrets + ":/run/secrets:ro"}, options...))
	s.secure = docker(t, "port", s.gateway, "8443/tcp")
	return s
}

func (s *site) start(options []string) {
	t := s.t
	t.Helper()
	s.network = testkit.Name(t, "edge")
	docker(t, append(append([]string{"network", "create"}, testkit.LabelOptions(t)...), s.network)...)
	args := append(testkit.LabelOptions(t), "--network", s.network, "--publish", "127.0.0.1::8080", "--publish", "127.0.0.1::9180", "--read-only", "--cap-drop", "ALL",
		"--security-opt", "no-new-privileges", "--tmpfs", "/tmp:mode=1777,size=64m", "--pids-limit", "256", "--env", "RELOAD_WATCH=0s")
	args = append([]string{"run", "--detach"}, append(args, options...)...)
	s.gateway = docker(t, append(args, gatewayImage(t))...)
	s.found()
}

// found waits for the gateway, which may have got other ports by a restart.
func (s *site) found() {
	s.t.Helper()
	s.addr = docker(s.t, "port", s.gateway, "8080/tcp")
	s.admin = docker(s.t, "port", s.gateway, "9180/tcp")
	s.until("the gateway answers", func() bool {
		r, err := s.try("GET", "/healthz", nil, "")
		return err == nil && r.status == 200
	})
}

// app starts an echo container under a name of the network.
func (s *site) app(alias, id string, options ...string) string {
	s.t.Helper()
	ref, err := echoImage()
	require.NoError(s.t, err)
	args := append([]string{"run", "--detach", "--network", s.network, "--network-alias", alias, "--env", "ID=" + id}, testkit.LabelOptions(s.t)...)
	return docker(s.t, append(append(args, options...), ref)...)
}

// frontend starts the product's own frontend, with more files or others in its root.
func (s *site) frontend(colour string, files map[string]string) string {
	s.t.Helper()
	args := append([]string{"create", "--network", s.network, "--network-alias", "frontend-" + colour, "--tmpfs", "/tmp"}, testkit.LabelOptions(s.t)...)
	id := docker(s.t, append(args, frontendImage(s.t))...)
	dir := s.t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(s.t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(s.t, os.WriteFile(path, []byte(content), 0o644))
	}
	if len(files) > 0 {
		require.NoError(s.t, os.Chmod(dir, 0o755))
		docker(s.t, "cp", dir+"/.", id+":/srv/www/")
	}
	docker(s.t, "start", id)
	return id
}

// both starts a backend and a frontend and waits until the gateway reaches them.
func (s *site) both() {
	s.t.Helper()
	s.app("backend-blue", "backend")
	s.app("frontend-blue", "frontend")
	s.until("both pools answer", func() bool {
		return s.identity("/api/x") == "backend" && s.identity("/") == "frontend"
	})
}

// until asks again until the condition holds. What is waited for is the gateway's
// own view of the network, of which it sends no event.
func (s *site) until(what string, condition func() bool) {
	s.t.Helper()
	require.Eventually(s.t, condition, 30*time.Second, 50*time.Millisecond, "waiting until %s", what)
}

// identity is who answered GET path; empty when nobody did.
func (s *site) identity(path string) string {
	r, err := s.try("GET", path, nil, "")
	if err != nil || r.status != 200 {
		return ""
	}
	return r.echo().ID
}

// run runs the gateway's own command in its container.
func (s *site) run(words ...string) string {
	s.t.Helper()
	return docker(s.t, append([]string{"exec", s.gateway, "gateway"}, words...)...)
}

// state is the supervisor's.
func (s *site) state() supervisor.View {
	s.t.Helper()
	var v supervisor.View
	require.NoError(s.t, json.Unmarshal(testkit.Get(s.t, "http://"+s.admin+"/state").Body, &v))
	return v
}

// members waits until a pool has n healthy members and nginx, which asks for them once a
// second, has heard of each.
func (s *site) members(pool string, n int) {
	s.t.Helper()
	s.until("the pool has its members, and nginx knows them", func() bool {
		for _, p := range s.state().Pools {
			if p.Name != pool || p.Healthy() != n {
				continue
			}
			known := 0
			for _, m := range p.Members {
				if m.Healthy && m.Told {
					known++
				}
			}
			return known == n
		}
		return false
	})
}

// log is what the container has written to standard output and error so far.
func (s *site) log() (stdout, stderr string) {
	s.t.Helper()
	var out, err strings.Builder
	cmd := exec.Command("docker", "logs", s.gateway)
	cmd.Stdout, cmd.Stderr = &out, &err
	require.NoError(s.t, cmd.Run())
	return out.String(), err.String()
}

// address of a container on the site's network. The heavy tests use it, since the
// engine's forwarding of published ports would be what they measure.
func (s *site) address(container string) string {
	s.t.Helper()
	return docker(s.t, "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", container)
}

func (s *site) url(path string) string { return "http://" + s.addr + path }

// client is a client with kept-alive connections, that follows no redirects.
func (s *site) client() *http.Client {
	tr := &http.Transport{MaxIdleConnsPerHost: 4, DisableCompression: true}
	s.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 20 * time.Second, CheckRedirect: noRedirect}
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
