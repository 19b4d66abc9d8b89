//go:build integration && faults

package stack_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/run"
	"drydock/internal/stack"
	"drydock/internal/testkit"
)

const (
	interruptDB    = "a-database-password-1"
	interruptRedis = "a-redis-password-1"
)

// interrupted is a scratch project that the compiled command starts.
type interrupted struct {
	t       *testing.T
	root    string // of a copy of the checkout
	command string
	project string
	prefix  string
	environ []string
	engine  *engine.Client
	said    bytes.Buffer // by all commands
	result  bytes.Buffer // of the runs of up
}

// Ctrl-C at any moment of `up` leaves nothing half-made: it is sent at each line that `up`
// writes for the first time, so that each step is cut off once and done by a later run.
func TestUpCutOffAtEachStep(t *testing.T) {
	s := newInterrupted(t)
	s.must("build")
	begin := time.Now()
	seen := map[string]bool{}
	for {
		line, err := s.upUntil(seen)
		if line == "" {
			require.NoError(t, err, "%s", &s.said)
			break
		}
		t.Logf("%5.1f s  cut off at %q: %v", time.Since(begin).Seconds(), line, err)
		var exit *exec.ExitError
		if err != nil { // else it was done before the signal came
			require.ErrorAs(t, err, &exit, "%s", line)
			require.Equal(t, run.CodeInterrupted, exit.ExitCode(), "%s\n%s", line, &s.said)
		}
		s.nothingHalfMade(line)
	}
	assert.Greater(t, len(seen), 10, "steps are announced: %v", seen)
	// What was cut off so often is whole.
	s.must("status")
	s.must("up")
	for what, list := range s.containers(t.Context()) {
		for _, c := range list {
			assert.Equal(t, engine.Running, c.State, "%s of %s", c.Name, what)
		}
	}
	t.Logf("%d steps in %s", len(seen), time.Since(begin).Round(time.Second))
}

func newInterrupted(t *testing.T) *interrupted {
	t.Helper()
	s := &interrupted{t: t, root: copyCheckout(t), project: testkit.Project(t, "cut"), prefix: testkit.Name(t, "cut"), engine: testkit.Engine(t)}
	s.environ = append(cleanEnviron(),
		"ENV=prod", "PROJECT="+s.project, "IMAGE_PREFIX="+s.prefix, "NO_COLOR=1", "PLAIN=1", "YES=1",
		"HTTP_BIND=127.0.0.1", fmt.Sprintf("HTTP_PORT=%d", testkit.Port(t)), fmt.Sprintf("HTTPS_PORT=%d", testkit.Port(t)),
		"BACKEND_REPLICAS=1", "FRONTEND_REPLICAS=1", "TLS=off", "DB_PASSWORD="+interruptDB, "REDIS_PASSWORD="+interruptRedis)
	s.command = filepath.Join(t.TempDir(), "drydock")
	require.NoError(t, run.Run(t.Context(), run.Cmd{
		Name: "go", Args: []string{"tool", "mage", "-compile", s.command}, Dir: testkit.Root(t), Env: os.Environ(), Stderr: &s.said,
	}), "%s", &s.said)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("what the commands said:\n%s", &s.said)
		}
		s.dropNames()
	})
	return s
}

// dropNames removes the names that this test gave to images, which others have, too.
func (s *interrupted) dropNames() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	// Their containers go first; the project's own clean-up comes later.
	for _, list := range s.containers(ctx) {
		for _, c := range list {
			assert.NoError(s.t, s.engine.Remove(ctx, c.ID))
		}
	}
	images, err := s.engine.Images(ctx, engine.Filter{Names: []string{s.prefix + "/*"}})
	assert.NoError(s.t, err)
	for _, img := range images {
		for _, tag := range img.Tags {
			if strings.HasPrefix(tag, s.prefix+"/") {
				assert.NoError(s.t, s.engine.RemoveImage(ctx, tag))
			}
		}
	}
}

func (s *interrupted) must(target string) {
	s.t.Helper()
	cmd := exec.Command(s.command, target)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.root, s.environ, &s.said, &s.said
	require.NoError(s.t, cmd.Run(), "%s\n%s", target, &s.said)
}

// moving is what differs between two runs of a step; thing is which one of several it
// is done to. Each kind of step is cut off once in each compose project.
var (
	moving = regexp.MustCompile(`\d+(\.\d+)?m?s\b|[0-9a-f]{12,}|run-\S+`)
	thing  = regexp.MustCompile(`^(Network|Volume|Container) "?(\S+?-blue|\S+?)-[a-z]+(-\d+)?"?\s`)
)

func kind(line string) string {
	return moving.ReplaceAllString(thing.ReplaceAllString(strings.TrimSpace(line), "$1 of $2 "), "*")
}

// upUntil runs `up` and interrupts it at the first line that is not in seen. The line is
// empty if there was none; the error is how the command ended.
func (s *interrupted) upUntil(seen map[string]bool) (string, error) {
	s.t.Helper()
	r, w, err := os.Pipe()
	require.NoError(s.t, err)
	cmd := exec.Command(s.command, "up")
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.root, s.environ, &s.result, w
	// A session of its own tells later what belongs to it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	require.NoError(s.t, cmd.Start())
	require.NoError(s.t, w.Close())
	var at string
	lines := bufio.NewScanner(io.TeeReader(r, &s.said))
	for lines.Scan() {
		line := kind(lines.Text())
		if at != "" || line == "" || seen[line] {
			continue
		}
		at, seen[line] = line, true
		require.NoError(s.t, cmd.Process.Signal(syscall.SIGINT))
	}
	err = errors.Join(lines.Err(), r.Close())
	require.NoError(s.t, err)
	err = cmd.Wait()
	// The pipe has ended with the last process that had it; whoever closed its outputs
	// is still in the session.
	assert.Empty(s.t, processes(s.t, cmd.Process.Pid), "processes left after %q", at)
	return at, err
}

// processes lists the commands of a session: proc_pid_stat(5), field 6.
func processes(t *testing.T, session int) (list []string) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		_, after, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(after)
		if len(fields) > 3 && fields[3] == strconv.Itoa(session) && fields[0] != "Z" {
			list = append(list, string(text))
		}
	}
	return list
}

// containers are those of the project by what marks them: our label, compose's, and the
// volumes, which those have that are only made to write into one.
func (s *interrupted) containers(ctx context.Context) map[string][]engine.Container {
	filters := map[string]engine.Filter{
		"the project":     {Labels: map[string]string{stack.LabelProject: s.project}},
		"compose's base":  {Labels: map[string]string{"com.docker.compose.project": s.project}},
		"compose's blue":  {Labels: map[string]string{"com.docker.compose.project": s.project + "-blue"}},
		"compose's green": {Labels: map[string]string{"com.docker.compose.project": s.project + "-green"}},
	}
	volumes, err := s.engine.Volumes(ctx, engine.Filter{Labels: map[string]string{stack.LabelProject: s.project}})
	assert.NoError(s.t, err)
	for _, v := range volumes {
		filters["volume "+v.Name] = engine.Filter{Volume: v.Name}
	}
	found := map[string][]engine.Container{}
	for what, f := range filters {
		found[what], err = s.engine.Containers(ctx, f)
		assert.NoError(s.t, err)
	}
	return found
}

// nothingHalfMade looks at everything that a run which was cut off may leave.
func (s *interrupted) nothingHalfMade(after string) {
	s.t.Helper()
	for what, list := range s.containers(s.t.Context()) {
		for _, c := range list {
			assert.NotEmpty(s.t, c.Service(), "%s of %s is no service's, after %q", c.Name, what, after)
			assert.NotEqual(s.t, engine.Created, c.State, "%s of %s was made and never started, after %q", c.Name, what, after)
			s.secretsWhole(c, after)
		}
	}
	for _, dir := range []string{".drydock", ".secrets"} {
		err := filepath.WalkDir(filepath.Join(s.root, dir), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil && !d.IsDir() {
				name := d.Name()
				assert.False(s.t, name == "lock" || strings.HasSuffix(name, ".lock") || strings.Contains(name, ".tmp"), "%s after %q", path, after)
			}
			return err
		})
		require.NoError(s.t, err)
	}
	rooms, err := filepath.Glob(filepath.Join(s.root, ".drydock", "build", "*"))
	require.NoError(s.t, err)
	assert.Empty(s.t, rooms, "builds after %q", after)
	names, err := s.engine.Images(s.t.Context(), engine.Filter{Names: []string{s.prefix + "/*:building-*"}})
	require.NoError(s.t, err)
	assert.Empty(s.t, names, "working names after %q", after)
}

// secretsWhole reads the secrets that a container has.
func (s *interrupted) secretsWhole(c engine.Container, after string) {
	want := map[string]map[string]string{
		"db":      {"db_password": interruptDB},
		"redis":   {"redis_password": interruptRedis},
		"backend": {"db_password": interruptDB, "redis_password": interruptRedis, "database_url": "", "redis_url": ""},
	}[c.Service()]
	full, err := s.engine.Container(s.t.Context(), c.ID)
	if errors.Is(err, engine.ErrNotFound) {
		return
	}
	require.NoError(s.t, err)
	i := slices.IndexFunc(full.Mounts, func(m engine.Mount) bool { return m.Target == "/run/secrets" })
	for name, value := range want {
		if !assert.GreaterOrEqual(s.t, i, 0, "%s has no secrets after %q", c.Name, after) {
			return
		}
		got, err := s.engine.ReadVolumeFile(s.t.Context(), full.Image, full.Mounts[i].Name, name)
		require.NoError(s.t, err, "%s of %s after %q", name, c.Name, after)
		if value == "" {
			assert.NotEmpty(s.t, got, "%s of %s after %q", name, c.Name, after)
		} else {
			assert.Equal(s.t, value, string(got), "%s of %s after %q", name, c.Name, after)
		}
	}
}

// cleanEnviron is the process environment without a developer's own settings.
func cleanEnviron() []string {
	return slices.DeleteFunc(os.Environ(), func(kv string) bool {
		for _, ours := range []string{"ENV=", "PROJECT=", "HTTP", "FORMAT=", "BACKEND_", "FRONTEND_", "GATEWAY_", "DB_", "REDIS_", "IMAGE", "TLS"} {
			// Proxies are the machine's.
			if strings.HasPrefix(kv, ours) && !strings.HasPrefix(kv, "HTTP_PROXY=") && !strings.HasPrefix(kv, "HTTPS_PROXY=") {
				return true
			}
		}
		return false
	})
}

// copyCheckout copies the sources, so that a developer's own settings, secrets and builds
// have no part in the test.
func copyCheckout(t *testing.T) string {
	t.Helper()
	from, to := testkit.Root(t), t.TempDir()
	require.NoError(t, filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir() && slices.Contains([]string{".git", "node_modules", "dist", ".drydock", ".secrets", "bin"}, d.Name()):
			return filepath.SkipDir
		case d.IsDir():
			return os.MkdirAll(target, 0o755)
		case strings.HasPrefix(rel, ".env") && rel != ".env.example", strings.HasSuffix(rel, ".local"), !d.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, info.Mode().Perm())
	}))
	return to
}
