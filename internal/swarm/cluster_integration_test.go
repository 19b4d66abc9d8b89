//go:build integration

package swarm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"drydock/internal/compose"
	"drydock/internal/env"
	"drydock/internal/image"
	"drydock/internal/run"
	"drydock/internal/testkit"
	"drydock/internal/testkit/tinyapi"
)

// cluster is a swarm of engines on hosts of their own, with the product's gateway and the test
// program for both apps.
type cluster struct {
	t        *testing.T
	hosts    []*testkit.Host
	swarm    *Swarm
	settings *env.Settings
	values   compose.Values
	said     bytes.Buffer
}

func docker(t *testing.T, h *testkit.Host, args ...string) string {
	t.Helper()
	var errs bytes.Buffer
	out, err := run.Output(t.Context(), run.Cmd{Name: "docker", Args: args, Env: append(os.Environ(), "DOCKER_HOST="+h.Address()), Stderr: &errs})
	require.NoError(t, err, "%s", &errs)
	return strings.TrimSpace(string(out))
}

// newCluster makes a swarm; every host of it is a manager, so that any one may be lost when
// there are three.
func newCluster(t *testing.T, n, replicas int) *cluster {
	t.Helper()
	c := &cluster{t: t, hosts: testkit.NewHosts(t, n)}
	docker(t, c.hosts[0], "swarm", "init", "--advertise-addr", c.hosts[0].IP, "--default-addr-pool", "10.77.0.0/16")
	token := docker(t, c.hosts[0], "swarm", "join-token", "--quiet", "manager")
	for _, h := range c.hosts[1:] {
		docker(t, h, "swarm", "join", "--advertise-addr", h.IP, "--token", token, c.hosts[0].IP+":2377")
	}
	var err error
	c.settings, err = env.Load(env.Source{Root: testkit.Root(t), Env: "prod", ReadOnly: true, Environ: []string{
		"HOME=" + os.Getenv("HOME"), "PATH=" + os.Getenv("PATH"), "PROJECT=shop", "TLS=off", "HTTP_PORT=80",
		"DB_PASSWORD=a-password-of-the-database-1", "REDIS_PASSWORD=a-password-of-redis-1", "BACKUP_ENCRYPTION_KEY=a-key-for-the-backups-of-a-test-1",
		"BACKEND_HEALTH_PATH=/healthz", fmt.Sprintf("BACKEND_REPLICAS=%d", replicas), fmt.Sprintf("FRONTEND_REPLICAS=%d", replicas), "BACKEND_GRACE=10s",
	}})
	require.NoError(t, err)
	built, err := image.Build(t.Context(), image.BuildOptions{Settings: c.settings, Engine: testkit.Engine(t), Err: &c.said, Names: []string{image.Gateway}})
	require.NoError(t, err, "%s", &c.said)
	tiny := testkit.TinyImage(t)
	for _, h := range c.hosts {
		h.Give(tiny, built[0].Ref)
	}
	c.values = compose.Placeholders(c.settings, nil)
	c.values.Refs.Gateway, c.values.Refs.Backend, c.values.Refs.Frontend = built[0].Ref, tiny, tiny
	c.swarm = &Swarm{Engine: c.hosts[0].Client(), Name: "shop", Env: os.Environ(), Folder: t.TempDir(), Err: &c.said}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("said:\n%s", &c.said)
		}
	})
	return c
}

// stack translates the product's own compose files, with the test program as both apps.
func (c *cluster) stack(version string, more ...string) []byte {
	c.t.Helper()
	base, v := c.values, c.values
	v.Version, v.Labels = version, map[string]string{compose.LabelVersion: version}
	args, err := json.Marshal(append([]string{"serve", "-name", version}, more...))
	require.NoError(c.t, err)
	check := `{test: ["CMD", "/tiny", "healthcheck"], interval: 2s, timeout: 15s, retries: 3, start_period: 2s}`
	program := filepath.Join(c.t.TempDir(), "program.yaml")
	text := fmt.Sprintf("services:\n  backend: {command: %s, healthcheck: %s}\n  frontend: {command: %s, healthcheck: %s}\n", args, check, args, check)
	require.NoError(c.t, os.WriteFile(program, []byte(text), 0o600))
	app := compose.App(c.settings, v)
	app.Files = append(app.Files, program)
	runner := &compose.Runner{Env: os.Environ(), Folder: c.t.TempDir(), Stderr: &c.said}
	projects := map[string][]byte{}
	for _, p := range []compose.Project{compose.Base(c.settings, base), app} {
		projects[p.Name], err = runner.Config(c.t.Context(), p)
		require.NoError(c.t, err, "%s", &c.said)
	}
	stack, err := Stack(Input{Project: "shop", Projects: projects, Update: Update{Monitor: "3s"}, Only: []string{"gateway", "backend", "frontend"}})
	require.NoError(c.t, err)
	return stack
}

func (c *cluster) apply(stack []byte) error {
	c.t.Helper()
	return c.swarm.Apply(c.t.Context(), stack, 3*time.Minute)
}

func (c *cluster) url(host int) string { return "http://" + c.hosts[host].IP + "/api/echo" }

// serves waits until a version answers at a host.
func (c *cluster) serves(host int, version string) {
	c.t.Helper()
	testkit.WaitHTTP(c.t, c.url(host), func(a testkit.Answer) bool {
		var e tinyapi.Echo
		return a.Status == 200 && json.Unmarshal(a.Body, &e) == nil && e.Name == version
	})
}
