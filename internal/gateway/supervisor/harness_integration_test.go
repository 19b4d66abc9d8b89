//go:build integration

package supervisor_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
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
	"drydock/internal/gateway/supervisor"
	"drydock/internal/image"
	"drydock/internal/testkit"
	"drydock/internal/testkit/tinyapi"
)

// dockerfile makes a gateway from nginx, this checkout's program and testdata/nginx.
const dockerfile = `FROM %s
USER 0:0
RUN rm -rf /etc/nginx && mkdir -p /var/lib/gateway && chown 101:101 /var/lib/gateway
COPY nginx /etc/nginx
COPY gateway /usr/local/bin/gateway
USER 101:101
LABEL drydock.test.image=gateway
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=1s --timeout=5s --start-period=30s --retries=60 CMD ["gateway", "healthy"]
ENTRYPOINT ["gateway"]
`

var built struct {
	once sync.Once
	ref  string
	err  error
}

// gatewayImage is made once; its tag is made from its content, and it is kept across runs.
func gatewayImage(t testing.TB) string {
	t.Helper()
	built.once.Do(func() { built.ref, built.err = buildGateway(t) })
	require.NoError(t, built.err)
	return built.ref
}

func buildGateway(t testing.TB) (string, error) {
	settings, err := env.Load(env.Source{Root: testkit.Root(t), Env: "dev", Environ: os.Environ(), ReadOnly: true})
	if err != nil {
		return "", err
	}
	base, err := image.Build(context.Background(), image.BuildOptions{Settings: settings, Engine: testkit.Engine(t), Err: os.Stderr,
		Names: []string{"nginx-base"}, Stage: image.StageProd})
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "gateway")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	bin := filepath.Join(dir, "gateway")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", bin, "drydock/cmd/gateway")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the gateway's program: %w: %s", err, out)
	}
	program, err := os.ReadFile(bin)
	if err != nil {
		return "", err
	}
	files := []engine.File{
		{Name: "Dockerfile", Mode: 0o644, Data: fmt.Appendf(nil, dockerfile, base[0].Ref)},
		{Name: "gateway", Mode: 0o755, Data: program},
	}
	for name, content := range fixture(t) {
		files = append(files, engine.File{Name: "nginx/" + name, Mode: 0o644, Data: []byte(content)})
	}
	sum := sha256.New()
	for _, name := range []string{"Dockerfile", "gateway", "nginx/nginx.conf"} {
		for _, f := range files {
			if f.Name == name {
				sum.Write(f.Data)
			}
		}
	}
	ref := "drydock-test/gateway:" + hex.EncodeToString(sum.Sum(nil)[:6])
	archive, err := engine.Tar(files...)
	if err != nil {
		return "", err
	}
	cmd := exec.Command("docker", "build", "--tag", ref, "-")
	cmd.Stdin = archive
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the test's gateway: %w: %s", err, out)
	}
	return ref, removeOld(t, ref)
}

// removeOld removes the images of programs that have not been tested for a week.
func removeOld(t testing.TB, current string) error {
	e := testkit.Engine(t)
	old, err := e.Images(context.Background(), engine.Filter{Labels: map[string]string{"drydock.test.image": "gateway"}})
	if err != nil {
		return err
	}
	for _, in := range old {
		for _, tag := range in.Tags {
			if tag != current && time.Since(in.Created) > 7*24*time.Hour {
				if err := e.RemoveImage(context.Background(), tag); err != nil {
					t.Logf("an older image stays: %v", err) // some container uses it
				}
			}
		}
	}
	return nil
}

// fixture is testdata/nginx, name to content.
func fixture(t testing.TB) map[string]string {
	t.Helper()
	files := map[string]string{}
	root := os.DirFS("testdata/nginx")
	for _, name := range []string{"nginx.conf", "mime.types", "env/prod.conf"} {
		f, err := root.Open(name)
		require.NoError(t, err)
		text, err := io.ReadAll(f)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		files[name] = string(text)
	}
	return files
}

// pushed is the fixture as a tar stream, with replacements in nginx.conf.
func pushed(t testing.TB, oldNew ...string) io.Reader {
	t.Helper()
	files := fixture(t)
	text := files["nginx.conf"]
	for i := 0; i < len(oldNew); i += 2 {
		require.Contains(t, text, oldNew[i])
		text = strings.Replace(text, oldNew[i], oldNew[i+1], 1)
	}
	files["nginx.conf"] = text
	var list []engine.File
	for name, content := range files {
		list = append(list, engine.File{Name: name, Mode: 0o644, Data: []byte(content)})
	}
	archive, err := engine.Tar(list...)
	require.NoError(t, err)
	return archive
}

// gateway is a gateway on a network of its own, as hardened as in production.
type gateway struct {
	t       testing.TB
	engine  *engine.Client
	network string
	id      string
	addr    string // of the site
	admin   string // of the supervisor's own port
}

func spec(t testing.TB, network string, env ...string) engine.Spec {
	return engine.Spec{
		Image: gatewayImage(t), Attach: []engine.Attach{{Network: network}},
		Env:      append([]string{"BACKEND_HEALTH_PATH=/healthz", "RELOAD_WATCH=300ms", "WORKERS=2"}, env...),
		Publish:  []engine.Port{{Container: 8080, HostIP: "127.0.0.1"}, {Container: 9180, HostIP: "127.0.0.1"}},
		Mounts:   []engine.Mount{{Name: testkit.Volume(t).Name, Target: "/var/lib/gateway"}},
		ReadOnly: true, Tmpfs: map[string]string{"/tmp": "mode=1777"}, CapDrop: []string{"ALL"}, NoNewPrivileges: true, Pids: 200,
	}
}

// start starts a gateway; change may adapt what it is made of.
func start(t testing.TB, change func(*engine.Spec), env ...string) *gateway {
	t.Helper()
	g := &gateway{t: t, engine: testkit.Engine(t), network: testkit.Network(t, false).Name}
	s := spec(t, g.network, env...)
	if change != nil {
		change(&s)
	}
	g.found(testkit.Container(t, s))
	return g
}

func (g *gateway) found(c engine.Container) {
	g.t.Helper()
	g.id = c.ID
	site, ok := c.Published(8080)
	require.True(g.t, ok)
	admin, ok := c.Published(9180)
	require.True(g.t, ok)
	g.addr, g.admin = site.String(), admin.String()
}

// member starts an application under names of the gateway's network.
func (g *gateway) member(name string, aliases ...string) engine.Container {
	g.t.Helper()
	id := testkit.Start(g.t, engine.Spec{Cmd: []string{"serve", "-name", name}, Attach: []engine.Attach{{Network: g.network, Aliases: aliases}}})
	c, err := g.engine.Container(g.t.Context(), id)
	require.NoError(g.t, err)
	return c
}

// both starts a backend and a frontend of a colour in one container and waits for them.
func (g *gateway) both(name, colour string) {
	g.t.Helper()
	g.member(name, "backend-"+colour, "frontend-"+colour)
	g.until(colour+" is there", func() bool { return g.healthy("backend-"+colour) == 1 && g.healthy("frontend-"+colour) == 1 })
	if g.state().Active == "blue" == (colour == "blue") {
		g.until("nginx reaches it", func() bool { return g.who("/api/x") == name && g.who("/x") == name })
	}
}

// until asks again until the condition holds: what nginx knows of the network sends no event.
func (g *gateway) until(what string, condition func() bool) {
	g.t.Helper()
	require.Eventually(g.t, condition, time.Minute, 30*time.Millisecond, "waiting until %s", what)
}

func (g *gateway) url(path string) string { return "http://" + g.addr + path }

// who is the name of the application that answered; "" when none did.
func (g *gateway) who(path string) string { return who(g.t.Context(), g.url(path), 10*time.Second) }

func who(ctx context.Context, url string, limit time.Duration) string {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return ""
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	var e tinyapi.Echo
	if res.StatusCode != http.StatusOK || json.NewDecoder(res.Body).Decode(&e) != nil {
		return ""
	}
	return e.Name
}

func (g *gateway) status(path string) int { return testkit.Get(g.t, g.url(path)).Status }

func (g *gateway) state() supervisor.View {
	g.t.Helper()
	var v supervisor.View
	require.NoError(g.t, json.Unmarshal(testkit.Get(g.t, "http://"+g.admin+"/state").Body, &v))
	return v
}

// healthy is the number of healthy members of a pool.
func (g *gateway) healthy(pool string) int {
	for _, p := range g.state().Pools {
		if p.Name == pool {
			return p.Healthy()
		}
	}
	return -1
}

// run runs a command in the container and returns its output and its exit code.
func (g *gateway) run(stdin io.Reader, words ...string) (out string, code int) {
	g.t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(g.t.Context(), "docker", append([]string{"exec", "--interactive", g.id}, words...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	_ = cmd.Run() // the code says it
	return stdout.String() + stderr.String(), cmd.ProcessState.ExitCode()
}

// ok is run for what has to succeed.
func (g *gateway) ok(words ...string) string {
	g.t.Helper()
	out, code := g.run(nil, words...)
	require.Zero(g.t, code, "%v: %s", words, out)
	return out
}

// log is what the container has written so far.
func (g *gateway) log() string {
	g.t.Helper()
	var b strings.Builder
	require.NoError(g.t, g.engine.Logs(g.t.Context(), g.id, engine.LogOptions{}, func(l engine.LogLine) error {
		b.WriteString(l.Text + "\n")
		return nil
	}))
	return b.String()
}

// restart stops and starts the container, and waits until it serves.
func (g *gateway) restart() {
	g.t.Helper()
	require.NoError(g.t, g.engine.RestartContainer(g.t.Context(), g.id, 30*time.Second))
	c, err := g.engine.WaitHealthy(g.t.Context(), g.id)
	require.NoError(g.t, err)
	g.found(c)
}
