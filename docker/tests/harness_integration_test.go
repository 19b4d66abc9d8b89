//go:build integration

package dockertest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
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

// hardPassword has what connection strings, shells and configuration files trip over.
const hardPassword = `pass__$85858#'x %:@\"end`

var built struct {
	once sync.Once
	refs map[string]string
	err  error
}

// imageRef is one of the images of this checkout, all of which are built first if they are not there.
func imageRef(t testing.TB, name string) string {
	t.Helper()
	built.once.Do(func() {
		settings, err := env.Load(env.Source{Root: testkit.Root(t), Env: "dev", Environ: os.Environ(), ReadOnly: true})
		if err != nil {
			built.err = err
			return
		}
		var list []image.Image
		list, built.err = image.Build(context.Background(), image.BuildOptions{Settings: settings, Engine: testkit.Engine(t),
			Err: os.Stderr, Names: []string{image.Postgres, image.Redis, image.Backup}, Stage: image.StageProd})
		built.refs = map[string]string{}
		for _, one := range list {
			built.refs[one.Name] = one.Ref
		}
	})
	require.NoError(t, built.err)
	return built.refs[name]
}

// docker runs the CLI and returns its standard output without the final line break.
func docker(t testing.TB, args ...string) string {
	t.Helper()
	out, err := tryDocker("", args...)
	require.NoError(t, err, "docker %s", strings.Join(args, " "))
	return out
}

// tryDocker is docker with an input and with both outputs, for commands that may fail.
func tryDocker(input string, args ...string) (string, error) {
	var out, stderr bytes.Buffer
	cmd := exec.Command("docker", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &stderr
	if err := cmd.Run(); err != nil {
		return strings.TrimSpace(out.String()), fmt.Errorf("%w: %s%s", err, out.String(), stderr.String())
	}
	return strings.TrimSpace(out.String()), nil
}

// volume makes a volume that lives as long as the test.
func volume(t testing.TB) string {
	t.Helper()
	return docker(t, append(append([]string{"volume", "create"}, testkit.LabelOptions(t)...), testkit.Name(t, "volume"))...)
}

// file is one file of a volume that a test fills.
type file struct {
	name, content string
	mode          fs.FileMode // default 0400
	root          bool        // owned by root instead of 999
}

// write puts files into a volume, with exactly their owner and mode. The volume's
// own folder is root's and open for all to read, as that of secrets is.
func write(t testing.TB, vol string, files ...file) {
	t.Helper()
	list := []engine.File{{Name: "./", Mode: 0o755}}
	for _, f := range files {
		e := engine.File{Name: f.name, Mode: f.mode, UID: 999, GID: 999, Data: []byte(f.content)}
		if f.mode == 0 {
			e.Mode = 0o400
		}
		if f.root {
			e.UID, e.GID = 0, 0
		}
		list = append(list, e)
	}
	archive, err := engine.Tar(list...)
	require.NoError(t, err)
	require.NoError(t, testkit.Engine(t).WriteVolume(t.Context(), imageRef(t, "redis"), vol, archive))
}

// secret makes a volume with one secret, as strict as a checkout under umask 077.
func secret(t testing.TB, name, content string) string {
	t.Helper()
	vol := volume(t)
	write(t, vol, file{name: name, content: content})
	return vol
}

// hardened are the options of every service in production. The health check comes
// often, so that nobody waits long for it.
func hardened(t testing.TB) []string {
	t.Helper()
	return append(testkit.LabelOptions(t), "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
		"--tmpfs", "/tmp:mode=1777", "--health-interval", "1s")
}

// start runs a container in the background until the test ends.
func start(t testing.TB, image string, options, args []string) string {
	t.Helper()
	run := append([]string{"run", "--detach"}, hardened(t)...)
	run = append(append(append(run, options...), image), args...)
	return docker(t, run...)
}

// refused runs a container that must end by itself with an error, and returns what it said.
func refused(t testing.TB, image string, options, args []string) string {
	t.Helper()
	run := append([]string{"run", "--rm"}, hardened(t)...)
	run = append(append(append(run, options...), image), args...)
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "docker", run...).CombinedOutput()
	require.NoError(t, ctx.Err(), "it runs on, instead of refusing: %s", out)
	require.Error(t, err, "%s", out)
	return string(out)
}

func health(t testing.TB, c string) string {
	t.Helper()
	return docker(t, "inspect", "--format", "{{.State.Health.Status}}", c)
}

func lastHealthOutput(t testing.TB, c string) string {
	t.Helper()
	return docker(t, "inspect", "--format", `{{range .State.Health.Log}}{{.Output}}{{end}}`, c)
}

// healthy waits for the engine's event that says so.
func healthy(t testing.TB, c string) {
	t.Helper()
	waitHealth(t, c, "healthy")
}

func waitHealth(t testing.TB, c, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", "events", "--since", "10m", "--filter", "container="+c,
		"--filter", "event=health_status", "--format", "{{.Status}}")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer func() {
		cancel()
		_ = cmd.Wait() // killed above
	}()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) == "health_status: "+want && health(t, c) == want {
			return
		}
	}
	require.Fail(t, "never "+want, "container %.12s: %s", c, lastHealthOutput(t, c))
}

// waitLog follows the container's log until a line contains the text.
func waitLog(t testing.TB, c, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	r, w := io.Pipe()
	cmd := exec.CommandContext(ctx, "docker", "logs", "--follow", c)
	cmd.Stdout, cmd.Stderr = w, w
	require.NoError(t, cmd.Start())
	go func() { w.CloseWithError(cmd.Wait()) }()
	defer r.Close()
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if strings.Contains(lines.Text(), text) {
			return
		}
	}
	require.Fail(t, "the log never said "+text)
}

func logs(t testing.TB, c string) string {
	t.Helper()
	out, err := exec.Command("docker", "logs", c).CombinedOutput()
	require.NoError(t, err)
	return string(out)
}

// leaks looks for a secret wherever others could see it: inspect, log, arguments,
// and the environment of the container's main process.
func leaks(t testing.TB, c, secret string) []string {
	t.Helper()
	var found []string
	for where, text := range map[string]string{
		"inspect":     docker(t, "inspect", c),
		"log":         logs(t, c),
		"arguments":   docker(t, "top", c, "-eo", "pid,args"),
		"environment": docker(t, "exec", c, "cat", "/proc/1/environ"),
		"/tmp, /run":  docker(t, "exec", c, "sh", "-c", "cat $(find /tmp /run -type f ! -path '/run/secrets/*')"),
	} {
		if strings.Contains(text, secret) {
			found = append(found, where)
		}
	}
	return found
}
