//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/run"
	"drydock/internal/stack"
	"drydock/internal/testkit"
)

func TestDev(t *testing.T) {
	r := start(t, "dev")
	chrome := browser(t)

	t.Run("a note is seen live on a second page and after a reload", func(t *testing.T) {
		first, second := tab(t, chrome, r.base), tab(t, chrome, r.base)
		addNote(t, first, "Milk and honey")
		seen(t, first, "Milk and honey", 10*time.Second)
		seen(t, second, "Milk and honey", 10*time.Second)
		do(t, second, "reloading", time.Minute, chromedp.Reload(), visible(`[data-testid=note]`))
		seen(t, second, "Milk and honey", 10*time.Second)
		screenshot(t, first, "page.png")
	})

	t.Run("HTTPS, by the authority of the checkout", func(t *testing.T) { testHTTPS(t, r) })
	t.Run("every value arrives byte for byte", func(t *testing.T) { testValues(t, r) })
	t.Run("no secret shows anywhere", func(t *testing.T) { testCanaries(t, r) })
	t.Run("an edit of the frontend is seen without a restart", func(t *testing.T) { testFrontendReload(t, r, chrome) })
	t.Run("an edit of the backend is seen without a restart", func(t *testing.T) { testBackendReload(t, r) })
	t.Run("PostgreSQL stops: readyz says so, the page says so, both recover", func(t *testing.T) { testDatabaseStops(t, r, chrome) })
	t.Run("a killed container comes back", func(t *testing.T) { testKilled(t, r) })
	t.Run("a second up changes nothing and takes no longer than compose", func(t *testing.T) { testSecondUp(t, r) })
	t.Run("a changed password is given to the database", func(t *testing.T) { testPassword(t, r) })
	t.Run("a taken port is named before anything is started", func(t *testing.T) { testTakenPort(t, r) })
	t.Run("backups come back", func(t *testing.T) { testBackups(t, r) })
	t.Run("the report is a page", func(t *testing.T) { testReport(t, r, chrome) })
	t.Run("what is wrong is told, and that it is over", func(t *testing.T) { testAlarms(t, r) })
	t.Run("psql and redis", func(t *testing.T) { testPrompts(t, r) })
	t.Run("down keeps the data", func(t *testing.T) { testDown(t, r) })
}

// testHTTPS asks as a browser does that has imported the authority once.
func testHTTPS(t *testing.T, r *running) {
	ca, err := os.ReadFile(filepath.Join(r.root, ".secrets", "dev", "tls", "ca.pem"))
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(ca))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	for _, host := range []string{"localhost", "127.0.0.1"} {
		for _, path := range []string{"/", "/api/version"} {
			resp, err := client.Get(fmt.Sprintf("https://%s:%d%s", host, r.Settings.HTTP.TLSPort, path))
			if assert.NoError(t, err, host+path) {
				assert.NoError(t, resp.Body.Close())
				assert.Equal(t, http.StatusOK, resp.StatusCode, host+path)
			}
		}
	}
	_, err = http.Get(fmt.Sprintf("https://localhost:%d/", r.Settings.HTTP.TLSPort))
	assert.ErrorAs(t, err, new(x509.UnknownAuthorityError), "nobody else trusts it")
}

func testValues(t *testing.T, r *running) {
	backend := r.service(t, "backend")
	assert.Contains(t, backend.Env, "AWKWARD="+awkward)
	text, err := r.Engine.ExecOutput(t.Context(), backend.ID, "cat", "/proc/1/environ")
	require.NoError(t, err)
	process := map[string]string{}
	for _, kv := range strings.Split(text, "\x00") {
		name, value, _ := strings.Cut(kv, "=")
		process[name] = value
	}
	var out bytes.Buffer
	require.NoError(t, env.Show(&out, env.Source{Root: r.root, Environ: append(append(world(), r.env...), "FORMAT=json")}))
	var shown struct{ Settings []env.Value }
	require.NoError(t, json.Unmarshal(out.Bytes(), &shown))
	hard := 0
	for _, v := range shown.Settings {
		if name, ours := strings.CutPrefix(v.Key, "BACKEND_ENV_"); ours {
			got, there := process[name]
			assert.True(t, there, name)
			assert.Equal(t, v.Value, got, name)
			if strings.HasPrefix(name, "HARD_") {
				hard++
			}
		}
	}
	assert.Equal(t, 9, hard)
	assert.Equal(t, `pass__$85858#x`, process["HARD_1"])
	assert.Equal(t, "two\n\tlines = #3 ", process["HARD_4"])
	assert.Equal(t, "/the/users/own", process["COMPOSE_FILE"], "it is the container's, and not compose's")
	for path, want := range map[string]string{
		"db_password": canaryDB, "redis_password": canaryRedis, "third_party": canaryUser,
	} {
		got, err := r.Engine.ReadVolumeFile(t.Context(), r.service(t, "redis").Image, secretsVolume(t, r.service(t, "backend")), path)
		require.NoError(t, err)
		assert.Equal(t, want, string(got), path)
	}
}

func secretsVolume(t *testing.T, c engine.Container) string {
	t.Helper()
	for _, m := range c.Mounts {
		if m.Target == "/run/secrets" {
			return m.Name
		}
	}
	t.Fatalf("%s has no secrets", c.Name)
	return ""
}

// testCanaries greps everything that somebody may read: inspect, history, the process
// list, compose's output, logs, and what the targets wrote.
func testCanaries(t *testing.T, r *running) {
	places := map[string]string{"the output of up": r.out.String()}
	for _, c := range r.containers(t) {
		places["docker inspect "+c.Name] = docker(t, "inspect", c.ID)
		places["docker history of "+c.Name] = docker(t, "history", "--no-trunc", c.ImageID)
		places["docker inspect of the image of "+c.Name] = docker(t, "image", "inspect", c.ImageID)
		places["docker logs "+c.Name] = docker(t, "logs", c.ID)
		places["docker top "+c.Name] = docker(t, "top", c.ID, "-eo", "pid,args")
		if c.Service() != "backend" && c.Service() != "frontend" || r.Settings.Mode == "dev" {
			environ, err := r.Engine.ExecOutput(t.Context(), c.ID, "sh", "-c", "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr '\\000' '\\n' || true")
			require.NoError(t, err)
			places["processes of "+c.Name] = environ
		}
	}
	v, err := r.Values(t.Context(), compose.Blue)
	require.NoError(t, err)
	for _, p := range []compose.Project{compose.Base(r.Settings, v), compose.App(r.Settings, v)} {
		text, err := r.Runner().Config(t.Context(), p)
		require.NoError(t, err)
		places["docker compose config of "+p.Name] = string(text)
		places["the generated file of "+p.Name] = string(p.Override)
	}
	for where, text := range places {
		for _, canary := range []string{"Canary7Q", "Canary8W", "Canary9E"} {
			assert.NotContains(t, text, canary, "%s", where)
		}
	}
}

func docker(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	err := run.Run(t.Context(), run.Cmd{Name: "docker", Args: args, Env: world(), Stdout: &out, Stderr: &out})
	require.NoError(t, err, out.String())
	return out.String()
}

func edit(t *testing.T, path, from, to string) (undo func()) {
	t.Helper()
	old, err := os.ReadFile(path)
	require.NoError(t, err)
	changed := strings.Replace(string(old), from, to, 1)
	require.NotEqual(t, string(old), changed, "%s has no %q", path, from)
	require.NoError(t, os.WriteFile(path, []byte(changed), 0o600))
	return func() { require.NoError(t, os.WriteFile(path, old, 0o600)) }
}

func testFrontendReload(t *testing.T, r *running, chrome context.Context) {
	before := r.service(t, "frontend").Started
	page := tab(t, chrome, r.base)
	title, err := chromedp.Run(page, chromedp.Text(chromedp.CSS("h1")))
	require.NoError(t, err, "reading the heading")
	file := findSource(t, filepath.Join(r.root, "apps", "frontend", "src"), ".tsx", title)
	undo := edit(t, file, title, "Edited while it runs")
	defer undo()
	seen(t, page, "Edited while it runs", 30*time.Second)
	assert.Equal(t, before, r.service(t, "frontend").Started, "the container was restarted")
}

// findSource returns a source file that has a text.
func findSource(t *testing.T, dir, ending, text string) string {
	t.Helper()
	var found string
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ending) || strings.HasSuffix(path, "_test.go") {
			return err
		}
		data, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(data), text) {
			found = path
		}
		return err
	}))
	require.NotEmpty(t, found, "no source has %q", text)
	return found
}

func testBackendReload(t *testing.T, r *running) {
	before := r.service(t, "backend").Started
	target := findSource(t, filepath.Join(r.root, "apps", "backend", "internal"), ".go", "must not be empty")
	undo := edit(t, target, "must not be empty", "needs some text")
	defer undo()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		resp, err := http.Post(r.base+"/api/notes", "application/json", strings.NewReader(`{"title":"","body":""}`))
		if err == nil {
			var body bytes.Buffer
			_, err = body.ReadFrom(resp.Body)
			require.NoError(t, resp.Body.Close())
			if err == nil && strings.Contains(body.String(), "needs some text") {
				break
			}
		}
		require.True(t, time.Now().Before(deadline), "the edit was not seen")
	}
	assert.Equal(t, before, r.service(t, "backend").Started, "the container was restarted")
}

func testDatabaseStops(t *testing.T, r *running, chrome context.Context) {
	page := tab(t, chrome, r.base)
	db := r.service(t, "db")
	backend := r.service(t, "backend")
	ready := func() bool {
		return r.Engine.Exec(t.Context(), backend.ID, engine.Command{Cmd: []string{"backend-health"}}) == nil
	}
	require.True(t, ready())
	require.NoError(t, r.Engine.Stop(t.Context(), db.ID, 10*time.Second))
	// Whatever fails here, what comes after has a database.
	t.Cleanup(func() { assert.NoError(t, r.Engine.Start(context.WithoutCancel(t.Context()), db.ID)) })
	stopped := time.Now()
	for ready() {
		require.Less(t, time.Since(stopped), 20*time.Second)
	}
	assert.Less(t, time.Since(stopped), 6*time.Second, "until /readyz says so")
	do(t, page, "waiting for the banner", time.Minute, visible(`[data-testid=status-banner]`))
	screenshot(t, page, "database-stopped.png")
	require.NoError(t, r.Engine.Start(t.Context(), db.ID))
	do(t, page, "waiting for the banner to go", time.Minute, chromedp.WaitNotPresent(chromedp.CSS(`[data-testid=status-banner]`)))
	r.healthy(t, db.ID)
	r.healthy(t, backend.ID)
}

func testKilled(t *testing.T, r *running) {
	for _, c := range r.containers(t) {
		t.Run(c.Service(), func(t *testing.T) {
			// Not `docker kill`, which counts as a wish of the operator and is not undone.
			require.NoError(t, exec.Command("kill", "-KILL", strconv.Itoa(c.Pid)).Run())
			now, err := r.Engine.WaitFor(t.Context(), c.ID, "it is back", func(n engine.Container) (bool, error) {
				return n.State == engine.Running && n.Started.After(c.Started) && n.Health == engine.Healthy, nil
			})
			require.NoError(t, err)
			assert.Positive(t, now.Restarts)
		})
	}
	report, err := r.Status(t.Context())
	require.NoError(t, err)
	assert.True(t, report.Good(), "%+v", report)
	for _, s := range report.Services {
		assert.Positive(t, s.Restarts, s.Service)
	}
	var text, machine bytes.Buffer
	require.NoError(t, report.WriteText(&text))
	require.NoError(t, report.WriteJSON(&machine))
	require.NoError(t, os.WriteFile(artifact(t, "status.txt"), text.Bytes(), 0o644))
	var again stack.Report
	require.NoError(t, json.Unmarshal(machine.Bytes(), &again))
	assert.Len(t, again.Services, 6)
}

// testSecondUp compares with compose on the same files: medians of five. It times the
// compiled command, as a user or a timer has it: this test's own code is slowed down by the
// race detector, compose is not.
func testSecondUp(t *testing.T, r *running) {
	ids := func() (list []string) {
		for _, c := range r.containers(t) {
			list = append(list, c.ID+c.Started.String())
		}
		slices.Sort(list)
		return list
	}
	require.NoError(t, r.Up(t.Context()), "%s", r.out) // what other tests edited is settled
	drydock := filepath.Join(t.TempDir(), "drydock")
	require.NoError(t, run.Run(t.Context(), run.Cmd{
		Name: "go", Args: []string{"tool", "mage", "-compile", drydock}, Dir: testkit.Root(t), Env: world(), Stderr: r.out,
	}))
	before := ids()
	v, err := r.Values(t.Context(), compose.Blue)
	require.NoError(t, err)
	byHand := r.Runner()
	byHand.CLI = true
	timed := func(do func() error) float64 {
		start := time.Now()
		require.NoError(t, do(), "%s", r.out)
		return time.Since(start).Seconds()
	}
	// The machine that tests run on may be busy, so that one of three tries decides.
	var tries []string
	kept := false
	for len(tries) < 3 && !kept {
		var ours, theirs []float64
		for range 5 {
			ours = append(ours, timed(func() error {
				return run.Run(t.Context(), run.Cmd{Name: drydock, Args: []string{"up"}, Dir: r.root, Env: append(world(), r.env...), Stdout: r.out, Stderr: r.out})
			}))
			theirs = append(theirs, timed(func() error {
				up := compose.UpOptions{NoWait: true}
				return errors.Join(byHand.Up(t.Context(), compose.Base(r.Settings, v), up), byHand.Up(t.Context(), compose.App(r.Settings, v), up))
			}))
		}
		slices.Sort(ours)
		slices.Sort(theirs)
		tries = append(tries, fmt.Sprintf("%.2f s against %.2f s", ours[2], theirs[2]))
		kept = ours[2] < 1.5*theirs[2]
	}
	t.Logf("up against docker compose up on the same files: %v", tries)
	assert.True(t, kept, "%v", tries)
	assert.Equal(t, before, ids(), "something was made anew or restarted")
}

// testPassword is full-stack-fastapi-template 344: a new password was ignored by the
// existing volume, and nobody could log in.
func testPassword(t *testing.T, r *running) {
	others := slices.DeleteFunc(slices.Clone(r.env), func(kv string) bool { return strings.Contains(kv, "_PASSWORD=") })
	changed := open(t, r.root, append(others, "DB_PASSWORD=another $ecret:/@ Canary7Q", "REDIS_PASSWORD=another r3dis:' Canary8W"))
	old := secretsOf(t, r)
	require.NoError(t, changed.Up(t.Context()), "%s", changed.out)
	assert.Contains(t, changed.out.String(), "DB_PASSWORD has changed")
	// Each that reads one was made anew, and only these.
	for service, volume := range secretsOf(t, r) {
		reads := slices.Contains([]string{"db", "redis", "backup", "backend"}, service)
		assert.Equal(t, reads, volume != old[service], service)
	}
	report, err := changed.Status(t.Context())
	require.NoError(t, err)
	assert.True(t, report.Good(), "%+v", report)
	// And from the stopped state, where nothing tells that it changed.
	require.NoError(t, r.Down(t.Context()))
	require.NoError(t, r.Up(t.Context()), "%s", r.out)
	report, err = r.Status(t.Context())
	require.NoError(t, err)
	assert.True(t, report.Good(), "%+v", report)
}

// secretsOf is the volume that each service has its secrets from.
func secretsOf(t *testing.T, r *running) map[string]string {
	t.Helper()
	list, err := r.Engine.Containers(t.Context(), engine.Filter{Labels: map[string]string{stack.LabelProject: r.Settings.Project}})
	require.NoError(t, err)
	volumes := map[string]string{}
	for _, c := range list {
		for _, m := range c.Mounts {
			if m.Target == "/run/secrets" {
				volumes[c.Service()] = m.Name
			}
		}
	}
	require.NotEmpty(t, volumes)
	return volumes
}

func testTakenPort(t *testing.T, r *running) {
	held, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, held.Close()) }()
	_, port, err := net.SplitHostPort(held.Addr().String())
	require.NoError(t, err)
	project := testkit.Project(t, "taken")
	other := open(t, r.root, []string{"ENV=dev", "PROJECT=" + project, "HTTP_PORT=" + port, "DB_PORT=" + strconv.Itoa(r.Settings.Database.Port),
		"REDIS_PORT=" + strconv.Itoa(testkit.Port(t)), "DB_PASSWORD=" + canaryDB, "REDIS_PASSWORD=" + canaryRedis})
	err = other.Up(t.Context())
	require.Error(t, err)
	assert.ErrorContains(t, err, "port "+port)
	assert.ErrorContains(t, err, "HTTP_PORT")
	assert.ErrorContains(t, err, "the process "+strconv.Itoa(os.Getpid()))
	assert.ErrorContains(t, err, r.Settings.Project+"-db-1")
	assert.ErrorContains(t, err, "DB_PORT")
	assert.Equal(t, run.CodeBusy, run.Code(err))
	list, err := r.Engine.Containers(t.Context(), engine.Filter{Labels: map[string]string{stack.LabelProject: project}})
	require.NoError(t, err)
	assert.Empty(t, list)
}

func testPrompts(t *testing.T, r *running) {
	r.In = strings.NewReader("select count(*) >= 0 as works from notes;\n")
	require.NoError(t, r.Psql(t.Context()))
	assert.Contains(t, r.out.String(), "works")
	require.NoError(t, r.Redis(t.Context(), "PING"))
	assert.Contains(t, r.out.String(), "PONG")
}

func testDown(t *testing.T, r *running) {
	require.NoError(t, r.Down(t.Context()))
	list, err := r.Engine.Containers(t.Context(), engine.Filter{Labels: map[string]string{stack.LabelProject: r.Settings.Project}})
	require.NoError(t, err)
	assert.Empty(t, list)
	_, err = r.Engine.Volume(t.Context(), r.Settings.Project+"-db")
	assert.NoError(t, err)
	// Removing the data asks first, and an empty answer is a no.
	r.Settings.Options.Volumes = true
	r.In = strings.NewReader("")
	err = r.Down(t.Context())
	assert.Equal(t, run.CodeBadInput, run.Code(err))
	_, err = r.Engine.Volume(t.Context(), r.Settings.Project+"-db")
	require.NoError(t, err)
	r.Settings.Options.Yes = true
	require.NoError(t, r.Down(t.Context()))
	volumes, err := r.Engine.Volumes(t.Context(), engine.Filter{Labels: map[string]string{stack.LabelProject: r.Settings.Project}})
	require.NoError(t, err)
	assert.Empty(t, volumes)
}
