//go:build integration

package gateway_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
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
)

// testLabel marks everything that this test run makes in the engine.
var testLabel = "drydock.test=gateway-" + randomHex(4)

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
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

// gatewayImage is the newest built gateway.
func gatewayImage(t testing.TB) string {
	t.Helper()
	return docker(t, "image", "inspect", "--format", "{{.Id}}", "drydock/gateway:probe")
}

var (
	echoOnce sync.Once
	echoRef  string
	echoErr  error
)

// echoImage builds testdata/echo into an image with nothing else in it.
func echoImage(t testing.TB) string {
	t.Helper()
	echoOnce.Do(func() { echoRef, echoErr = buildEcho() })
	require.NoError(t, echoErr)
	return echoRef
}

func buildEcho() (string, error) {
	dir, err := os.MkdirTemp("", "echo")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	bin := filepath.Join(dir, "echo")
	build := exec.Command("go", "build", "-o", bin, "./testdata/echo")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the echo program: %w: %s", err, out)
	}
	content, err := os.ReadFile(bin)
	if err != nil {
		return "", err
	}
	var root bytes.Buffer
	w := tar.NewWriter(&root)
	if err := w.WriteHeader(&tar.Header{Name: "echo", Mode: 0o755, Size: int64(len(content))}); err != nil {
		return "", err
	}
	if _, err := w.Write(content); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	load := exec.Command("docker", "import", "--change", `ENTRYPOINT ["/echo"]`, "--change", "LABEL "+testLabel, "-")
	load.Stdin = &root
	out, err := load.Output()
	return strings.TrimSpace(string(out)), err
}

// TestMain removes by label what a test left behind, failed ones included.
func TestMain(m *testing.M) {
	code := m.Run()
	sweep := func(list, remove []string) {
		ids, err := tryDocker(append(list, "--filter", "label="+testLabel, "--quiet")...)
		if err == nil && ids != "" {
			_, err = tryDocker(append(remove, strings.Fields(ids)...)...)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "cleaning up:", err)
			code = 1
		}
	}
	sweep([]string{"container", "ls", "--all"}, []string{"rm", "--force", "--volumes"})
	sweep([]string{"network", "ls"}, []string{"network", "rm"})
	sweep([]string{"image", "ls"}, []string{"image", "rm", "--force"})
	os.Exit(code)
}

// site is one gateway on a network of its own, as hardened as in production.
type site struct {
	t       testing.TB
	network string
	gateway string // container
	addr    string // host:port of the gateway
}

func newSite(t testing.TB, options ...string) *site {
	t.Helper()
	s := &site{t: t, network: "drydock-test-" + randomHex(4)}
	docker(t, "network", "create", "--label", testLabel, s.network)
	args := append([]string{
		"run", "--detach", "--label", testLabel, "--network", s.network, "--publish", "127.0.0.1::8080",
		"--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--tmpfs", "/tmp:mode=1777",
	}, options...)
	s.gateway = docker(t, append(args, gatewayImage(t))...)
	t.Cleanup(func() {
		if t.Failed() {
			logs, err := exec.Command("docker", "logs", "--tail", "40", s.gateway).CombinedOutput()
			t.Logf("the gateway's log (%v):\n%s", err, logs)
		}
		docker(t, "rm", "--force", s.gateway)
	})
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
	args := append([]string{"run", "--detach", "--label", testLabel, "--network", s.network,
		"--network-alias", alias, "--env", "ID=" + id}, options...)
	c := docker(s.t, append(args, echoImage(s.t))...)
	s.t.Cleanup(func() { docker(s.t, "rm", "--force", c) })
	return c
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
