//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/deploy"
	"drydock/internal/engine"
	"drydock/internal/run"
	"drydock/internal/testkit"
)

// site is an environment that is deployed to by the command that users have.
type site struct {
	t       *testing.T
	root    string // of a copy of the checkout
	command string
	project string
	base    string // URL
	environ []string
	engine  *engine.Client
	app     string // image of a backend with faults
	n       int    // releases so far
	crowds  int    // of users so far
}

// newSite is one on the tests' own engine, with a backend that can be made to fail.
func newSite(t *testing.T) *site {
	t.Helper()
	prefix := testkit.Name(t, "deploy")
	s := siteAt(t, testkit.Engine(t), prefix, "127.0.0.1", testkit.Port(t), testkit.Port(t))
	s.app = s.testapp(prefix)
	return s
}

// siteAt is one on an engine whose published ports are at ip.
func siteAt(t *testing.T, e *engine.Client, prefix, ip string, port, tlsPort int) *site {
	t.Helper()
	s := &site{t: t, root: checkout(t), project: testkit.Project(t, "deploy"), engine: e}
	s.base = fmt.Sprintf("http://%s:%d", ip, port)
	s.environ = append(world(),
		"ENV=prod", "PROJECT="+s.project, "IMAGE_PREFIX="+prefix, "IMAGE_KEEP=3", "NO_COLOR=1", "TLS=off",
		"HTTP_BIND="+ip, fmt.Sprintf("HTTP_PORT=%d", port), fmt.Sprintf("HTTPS_PORT=%d", tlsPort),
		"DB_PASSWORD="+canaryDB, "REDIS_PASSWORD="+canaryRedis, "BACKEND_REPLICAS=2", "FRONTEND_REPLICAS=1",
		"DEPLOY_BY=tester", "DEPLOY_STABLE=1s", "WATCH_FOR=2s", "DRAIN="+quickOr("7s", "11s"), "DEPLOY_TIMEOUT=60s", "CANARY=0",
		"BACKEND_ENV_MAX_DELAY=20s")
	s.command = filepath.Join(t.TempDir(), "drydock")
	var said bytes.Buffer
	require.NoError(t, run.Run(t.Context(), run.Cmd{
		Name: "go", Args: []string{"tool", "mage", "-compile", s.command}, Dir: testkit.Root(t), Env: os.Environ(), Stderr: &said,
	}), "%s", &said)
	t.Cleanup(func() { s.dropNames(prefix) })
	return s
}

// dropNames removes the names that this test gave to images.
func (s *site) dropNames(prefix string) {
	ctx := s.t.Context()
	if ctx.Err() != nil {
		var cancel func()
		ctx, cancel = contextWithTimeout(time.Minute)
		defer cancel()
	}
	for _, c := range s.all(ctx) {
		assert.NoError(s.t, s.engine.Remove(ctx, c.ID)) // images go with the last container
	}
	builder := testkit.Engine(s.t) // another engine's images are gone with its host
	images, err := builder.Images(ctx, engine.Filter{Names: []string{prefix + "/*"}})
	assert.NoError(s.t, err)
	for _, img := range images {
		for _, tag := range img.Tags {
			if strings.HasPrefix(tag, prefix+"/") {
				assert.NoError(s.t, builder.RemoveImage(ctx, tag))
			}
		}
	}
}

// testapp makes the image of a backend with faults.
func (s *site) testapp(prefix string) string {
	s.t.Helper()
	out := filepath.Join(s.t.TempDir(), "app")
	require.NoError(s.t, run.Run(s.t.Context(), run.Cmd{
		Name: "go", Args: []string{"build", "-trimpath", "-ldflags=-s -w", "-o", out, "./internal/deploy/testapp"}, Dir: testkit.Root(s.t),
		Env: append(os.Environ(), "CGO_ENABLED=0"),
	}))
	program, err := os.ReadFile(out)
	require.NoError(s.t, err)
	rootfs, err := engine.Tar(engine.File{Name: "app", Mode: 0o755, Data: program})
	require.NoError(s.t, err)
	ref := prefix + "/faulty:1"
	_, err = s.engine.Import(s.t.Context(), rootfs, engine.ImportOptions{Ref: ref, Changes: []string{
		`ENTRYPOINT ["/app"]`, "USER 10001:10001", `HEALTHCHECK --interval=1s --timeout=2s --retries=3 CMD ["/app","probe"]`,
	}})
	require.NoError(s.t, err)
	return ref
}

// faulty are the settings of a release whose backend has a fault.
func (s *site) faulty(fault string, more ...string) []string {
	return append([]string{"BACKEND_IMAGE=" + s.app, "BACKEND_MIGRATE=", "BACKEND_ENV_FAULT=" + fault}, more...)
}

// next is a setting that makes a release of its own.
func (s *site) next() string {
	s.n++
	return fmt.Sprintf("BACKEND_ENV_RELEASE=%d", s.n)
}

// result is how a command ended.
type result struct {
	code int
	out  string // results
	err  string // narration
	took time.Duration
}

// call is a command that runs.
type call struct {
	s     *site
	cmd   *exec.Cmd
	out   bytes.Buffer
	said  log
	lines chan string // of the narration
	begin time.Time
}

func (s *site) begin(target string, settings ...string) *call {
	s.t.Helper()
	r, w, err := os.Pipe()
	require.NoError(s.t, err)
	c := &call{s: s, cmd: exec.Command(s.command, target), lines: make(chan string, 10000), begin: time.Now()}
	c.cmd.Dir, c.cmd.Stdout, c.cmd.Stderr = s.root, &c.out, w
	c.cmd.Env = append(append([]string{}, s.environ...), settings...)
	require.NoError(s.t, c.cmd.Start())
	require.NoError(s.t, w.Close())
	go func() {
		defer close(c.lines)
		lines := bufio.NewScanner(io.TeeReader(r, &c.said))
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			c.lines <- lines.Text()
		}
		_ = r.Close()
	}()
	return c
}

var stepLine = regexp.MustCompile(`^deploy:\s+[\d.]+s\s+([a-z-]+)(:|$)`)

// until waits for a line of the narration that the function likes; false when the command
// ended without one.
func (c *call) until(ok func(string) bool) bool {
	for line := range c.lines {
		if ok(line) {
			return true
		}
	}
	return false
}

func (c *call) untilStep(step string) bool {
	return c.until(func(line string) bool {
		m := stepLine.FindStringSubmatch(line)
		return m != nil && m[1] == step
	})
}

func (c *call) signal(sig syscall.Signal) {
	c.s.t.Helper()
	require.NoError(c.s.t, c.cmd.Process.Signal(sig))
}

func (c *call) wait() result {
	err := c.cmd.Wait()
	for range c.lines { // to its end
	}
	r := result{out: c.out.String(), err: c.said.String(), took: time.Since(c.begin)}
	if err != nil {
		r.code = c.cmd.ProcessState.ExitCode()
	}
	return r
}

func (s *site) run(target string, settings ...string) result {
	s.t.Helper()
	return s.begin(target, settings...).wait()
}

// must runs a command that has to succeed.
func (s *site) must(target string, settings ...string) result {
	s.t.Helper()
	r := s.run(target, settings...)
	require.Zero(s.t, r.code, "%s %v:\n%s\n%s", target, settings, r.err, r.out)
	return r
}

func (s *site) status() deploy.Status {
	s.t.Helper()
	r := s.run("deploy:status", "FORMAT=json")
	var st deploy.Status
	require.NoError(s.t, json.Unmarshal([]byte(r.out), &st), "%s\n%s", r.out, r.err)
	return st
}

func (s *site) history() deploy.History {
	s.t.Helper()
	r := s.must("deploy:history", "FORMAT=json")
	var h deploy.History
	require.NoError(s.t, json.Unmarshal([]byte(r.out), &h))
	return h
}

// serves is the release that serves now.
func (s *site) serves() string {
	s.t.Helper()
	st := s.status()
	c := st.Situation.Colour(st.Situation.Active)
	require.True(s.t, c.Well(), "%+v", st)
	return c.Release
}

// one is the container of a service that both colours share.
func (s *site) one(t *testing.T, service string) engine.Container {
	t.Helper()
	list, err := s.engine.Containers(t.Context(), engine.OfService(s.project, service))
	require.NoError(t, err)
	require.Len(t, list, 1, service)
	return list[0]
}
