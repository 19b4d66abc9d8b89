//go:build integration

package dockertest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// hardPassword has what connection strings, shells and configuration files trip over.
const hardPassword = `pass__$85858#'x %:@\"end`

// testLabel marks everything that this test run makes in the engine.
var testLabel = "drydock.test=images-" + randomHex(4)

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// imageRef is the newest build of one of our images.
func imageRef(t testing.TB, name string) string {
	t.Helper()
	return docker(t, "image", "inspect", "--format", "{{.Id}}", "drydock/"+name+":probe")
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

// TestMain removes by label what a test left behind, failed ones included.
func TestMain(m *testing.M) {
	code := m.Run()
	for _, kind := range [][2][]string{
		{{"container", "ls", "--all"}, {"rm", "--force"}},
		{{"volume", "ls"}, {"volume", "rm"}},
	} {
		ids, err := tryDocker("", append(kind[0], "--filter", "label="+testLabel, "--quiet")...)
		if err == nil && ids != "" {
			_, err = tryDocker("", append(kind[1], strings.Fields(ids)...)...)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "cleaning up:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// volume makes a volume that lives as long as the test.
func volume(t testing.TB) string {
	t.Helper()
	name := docker(t, "volume", "create", "--label", testLabel, "drydock-test-"+randomHex(4))
	t.Cleanup(func() { docker(t, "volume", "rm", name) })
	return name
}

// file is one file of a volume that a test fills.
type file struct {
	name, content string
	mode          string // octal; default 0400
	owner         string // uid:gid; default 999:999
}

// write puts files into a volume, with exactly their owner and mode, as root. The
// volume's own folder stays open for all, as that of secrets does.
func write(t testing.TB, vol string, files ...file) {
	t.Helper()
	for _, f := range files {
		if f.mode == "" {
			f.mode = "0400"
		}
		if f.owner == "" {
			f.owner = "999:999"
		}
		_, err := tryDocker(f.content, "run", "--rm", "--interactive", "--label", testLabel, "--network", "none", "--user", "0:0",
			"--entrypoint", "sh", "--volume", vol+":/v", imageRef(t, "redis"),
			"-c", `umask 077; cat >"/v/$1"; chown "$2" "/v/$1"; chmod "$3" "/v/$1"; chmod 0755 /v; chown 0:0 /v`,
			"sh", f.name, f.owner, f.mode)
		require.NoError(t, err)
	}
}

// secret makes a volume with one secret, as strict as a checkout under umask 077.
func secret(t testing.TB, name, content string) string {
	t.Helper()
	vol := volume(t)
	write(t, vol, file{name: name, content: content})
	return vol
}

// hardened are the options of every service in production. The health check comes
// often, so that one in the wrong moment would be noticed.
func hardened() []string {
	return []string{"--label", testLabel, "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
		"--tmpfs", "/tmp:mode=1777", "--health-interval", "300ms"}
}

// start runs a container in the background until the test ends.
func start(t testing.TB, image string, options, args []string) string {
	t.Helper()
	run := append([]string{"run", "--detach"}, hardened()...)
	run = append(append(append(run, options...), image), args...)
	c := docker(t, run...)
	t.Cleanup(func() {
		if t.Failed() {
			logs, err := exec.Command("docker", "logs", "--tail", "60", c).CombinedOutput()
			t.Logf("log of %.12s (%v):\n%s", c, err, logs)
		}
		docker(t, "rm", "--force", c)
	})
	return c
}

// refused runs a container that must end by itself with an error, and returns what it said.
func refused(t testing.TB, image string, options, args []string) string {
	t.Helper()
	run := append([]string{"run", "--rm"}, hardened()...)
	run = append(append(append(run, options...), image), args...)
	_, err := tryDocker("", run...)
	require.Error(t, err)
	return err.Error()
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
