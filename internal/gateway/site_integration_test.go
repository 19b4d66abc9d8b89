//go:build integration

package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
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
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/image"
	"drydock/internal/testkit"
)

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// labels are the options that mark what a test makes, and have it removed at its end.
func labels(t testing.TB) []string {
	t.Helper()
	var options []string
	for name, value := range testkit.Labels(t) {
		options = append(options, "--label", name+"="+value)
	}
	return options
}

// docker runs the CLI and returns its standard output without the final line break.
func docker(t testing.TB, args ...string) string {
	t.Helper()
	out, err := tryDocker(args...)
	require.NoError(t, err, "docker %s", strings.Join(args, " "))
	return out
}

func tryDocker(args ...string) (string, error) {
	var stderr bytes.Buffer
	cmd := exec.Command("docker", args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s%s", err, out, stderr.String())
	}
	return strings.TrimSpace(string(out)), err
}

var built struct {
	once sync.Once
	ref  string
	err  error
}

// gatewayImage is the gateway of this checkout, built if it is not there.
func gatewayImage(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		settings, err := env.Load(env.Source{Root: testkit.Root(t), Env: "dev", Environ: os.Environ(), ReadOnly: true})
		if err != nil {
			built.err = err
			return
		}
		list, err := image.Build(context.Background(), image.BuildOptions{Settings: settings, Engine: testkit.Engine(t),
			Err: os.Stderr, Names: []string{image.Gateway}, Stage: image.StageProd})
		if err != nil {
			built.err = err
			return
		}
		built.ref = list[0].Ref
	})
	require.NoError(t, built.err)
	return built.ref
}

// echoImage holds testdata/echo and nothing else. Its tag is made from its content, and
// it is kept across runs.
var echoImage = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "echo")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	bin := filepath.Join(dir, "echo")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", bin, "./testdata/echo")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the echo program: %w: %s", err, out)
	}
	content, err := os.ReadFile(bin)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(content)
	ref := "drydock-test/echo:" + hex.EncodeToString(sum[:6])
	if _, err := tryDocker("image", "inspect", ref); err == nil {
		return ref, nil
	}
	root, err := engine.Tar(engine.File{Name: "echo", Mode: 0o755, Data: content})
	if err != nil {
		return "", err
	}
	load := exec.Command("docker", "import", "--change", `ENTRYPOINT ["/echo"]`, "--change", "LABEL drydock.test.image=echo", "-", ref)
	load.Stdin = root
	if out, err := load.CombinedOutput(); err != nil {
		return "", fmt.Errorf("importing the echo image: %w: %s", err, out)
	}
	return ref, nil
})

// site is one gateway on a network of its own, as hardened as in production.
type site struct {
	t       testing.TB
	network string
	gateway string // container
	addr    string // host:port of the gateway
}

func newSite(t testing.TB, options ...string) *site {
	t.Helper()
	s := &site{t: t, network: testkit.Name(t, "edge")}
	docker(t, append(append([]string{"network", "create"}, labels(t)...), s.network)...)
	args := append(labels(t), "--network", s.network, "--publish", "127.0.0.1::8080",
		"--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--tmpfs", "/tmp:mode=1777")
	args = append([]string{"run", "--detach"}, append(args, options...)...)
	s.gateway = docker(t, append(args, gatewayImage(t))...)
	s.addr = docker(t, "port", s.gateway, "8080/tcp")
	s.until("the gateway answers", func() bool {
		r, err := s.try("GET", "/healthz", nil, "")
		return err == nil && r.status == 200
	})
	return s
}

// app starts an echo container under a name of the network.
func (s *site) app(alias, id string, options ...string) string {
	s.t.Helper()
	ref, err := echoImage()
	require.NoError(s.t, err)
	args := append([]string{"run", "--detach", "--network", s.network, "--network-alias", alias, "--env", "ID=" + id}, labels(s.t)...)
	return docker(s.t, append(append(args, options...), ref)...)
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
	require.Eventually(s.t, condition, 15*time.Second, 50*time.Millisecond, "waiting until %s", what)
}

// identity is who answered GET path; empty when nobody did.
func (s *site) identity(path string) string {
	r, err := s.try("GET", path, nil, "")
	if err != nil || r.status != 200 {
		return ""
	}
	return r.echo().ID
}

type response struct {
	status int
	header http.Header
	body   string
}

type echoed struct {
	ID, Method, Target, Remote string
	Header                     http.Header
	BodyBytes                  int64
}

func (r response) echo() echoed {
	var e echoed
	_ = json.Unmarshal([]byte(r.body), &e) // not the echo's answer: stays zero
	return e
}

// do sends a request whose target is written as it is, which Go's client would clean up.
func (s *site) do(method, target string, header map[string]string, body string) response {
	s.t.Helper()
	r, err := s.try(method, target, header, body)
	require.NoError(s.t, err, "%s %s", method, target)
	return r
}

func (s *site) try(method, target string, header map[string]string, body string) (response, error) {
	conn, err := net.DialTimeout("tcp", s.addr, 5*time.Second)
	if err != nil {
		return response{}, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return response{}, err
	}
	var req strings.Builder
	fmt.Fprintf(&req, "%s %s HTTP/1.1\r\nHost: product.example:8080\r\nConnection: close\r\n", method, target)
	for name, value := range header {
		fmt.Fprintf(&req, "%s: %s\r\n", name, value)
	}
	if body != "" {
		fmt.Fprintf(&req, "Content-Length: %d\r\n", len(body))
	}
	req.WriteString("\r\n")
	req.WriteString(body)
	go io.WriteString(conn, req.String()) // a refusal may come before the body is out
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return response{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return response{res.StatusCode, res.Header, string(b)}, err
}

// client is a client with kept-alive connections.
func (s *site) client() *http.Client {
	tr := &http.Transport{MaxIdleConnsPerHost: 4}
	s.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 20 * time.Second}
}

func (s *site) url(path string) string { return "http://" + s.addr + path }

func (s *site) context(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	s.t.Cleanup(cancel)
	return ctx
}
