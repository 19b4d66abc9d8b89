//go:build integration

package testkit

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
)

// serveOn runs the test server on a host, its port published as on any machine.
func serveOn(t *testing.T, h *Host, c *engine.Client) (id, url string) {
	t.Helper()
	id, err := c.Create(t.Context(), engine.Spec{
		Name: "web", Image: TinyImage(t), Cmd: []string{"serve", "-name", h.Name}, Restart: "always",
		Attach: []engine.Attach{{Network: "bridge"}}, Publish: []engine.Port{{Container: 8080, Host: 80, HostIP: "0.0.0.0"}},
	})
	require.NoError(t, err)
	require.NoError(t, c.Start(t.Context(), id))
	return id, "http://" + h.IP + "/"
}

func TestHostsAreMachinesOfTheirOwn(t *testing.T) {
	hosts := NewHosts(t, 2)
	for _, h := range hosts {
		c := h.Client()
		before, err := c.Images(t.Context(), engine.Filter{})
		require.NoError(t, err)
		assert.Empty(t, before)
		h.Give(TinyImage(t))
		id, url := serveOn(t, h, c)
		assert.Contains(t, string(WaitHTTP(t, url, nil).Body), `"Name":"`+h.Name+`"`)
		_, err = Engine(t).Container(t.Context(), id)
		require.ErrorIs(t, err, engine.ErrNotFound, "the machine's engine does not know it")

		tls := h.TLSClient()
		assert.False(t, tls.Local())
		in, err := tls.Container(t.Context(), "web")
		require.NoError(t, err)
		assert.Equal(t, id, in.ID)

		ssh := openHost(t, h.SSH())
		require.NoError(t, h.SSHWorks())
		in, err = ssh.Container(t.Context(), "web")
		require.NoError(t, err)
		assert.Equal(t, id, in.ID)
	}
	// They reach each other, by address, from inside of a container.
	one, two := hosts[0], hosts[1]
	id, err := one.Client().Create(t.Context(), engine.Spec{
		Image: TinyImage(t), Cmd: []string{"healthcheck", "http://" + two.IP + "/healthz"}, Attach: []engine.Attach{{Network: "bridge"}},
	})
	require.NoError(t, err)
	require.NoError(t, one.Client().Start(t.Context(), id))
	in, err := one.Client().WaitExit(t.Context(), id)
	require.NoError(t, err)
	assert.Zero(t, in.ExitCode)

	// The test's own load may be made on them, and on no other machine.
	l := StartLoad(t, Load{URL: "http://" + two.IP + "/", Duration: 300 * time.Millisecond}).Wait()
	assert.Zero(t, l.Failed, "%v", l)
	assert.Positive(t, l.Sent)

	two.PowerOff()
	silent(t, two)
	two.PowerOn()
	WaitHTTP(t, "http://"+two.IP+"/", nil) // restart: always

	plug := one.Unplug()
	silent(t, one)
	plug()
	WaitHTTP(t, "http://"+one.IP+"/", nil)
}

// silent asserts that nothing answers at a host's address, not even with a refusal.
func silent(t *testing.T, h *Host) {
	t.Helper()
	_, err := net.DialTimeout("tcp", h.IP+":80", time.Second)
	require.Error(t, err)
	require.NotErrorIs(t, err, syscall.ECONNREFUSED)
}

// A client without a certificate of the test's own authority is sent away.
func TestAHostTakesNoClientWithoutACertificate(t *testing.T) {
	h := NewHost(t)
	address, _ := h.TLS()
	_, other := (&Host{pki: newHostPKI(t)}).TLS()
	_, err := engine.Open(t.Context(), address, engine.WithTLS(other))
	require.ErrorIs(t, err, engine.ErrUnavailable)
	_, err = engine.Open(t.Context(), address)
	require.ErrorIs(t, err, engine.ErrUnavailable)
}

// A killed run leaves no process, and the next one removes the rest (wowu/docker-rollout
// 25: killed tools left things that piled up).
func TestHostsOfAKilledTestGo(t *testing.T) {
	if os.Getenv("DRYDOCK_TEST_KILLED") != "" { // the process that is killed
		h := NewHost(t)
		h.Give(TinyImage(t))
		serveOn(t, h, h.Client())
		fmt.Println("HOST", h.net.dir)
		select {}
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestHostsOfAKilledTestGo$", "-test.timeout=3m")
	cmd.Env = append(os.Environ(), "DRYDOCK_TEST_KILLED=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // when the test fails before
	var text strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(text.String(), "HOST /tmp/") || !strings.HasSuffix(text.String(), "\n") {
		n, err := out.Read(buf)
		text.Write(buf[:n])
		require.NoError(t, err, "%s", &text)
	}
	_, dir, _ := strings.Cut(strings.TrimSpace(text.String()), "HOST ")
	name := filepath.Base(dir)
	require.DirExists(t, dir)
	require.NotEmpty(t, namespaces(t, name))
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // killed

	require.Eventually(t, func() bool { return len(processes(t, dir)) == 0 }, 30*time.Second, 50*time.Millisecond, "its processes go with it")
	removeCrashedHosts(t)
	assert.NoDirExists(t, dir)
	assert.Empty(t, namespaces(t, name))
	groups, err := filepath.Glob("/sys/fs/cgroup/*/" + name + "*")
	require.NoError(t, err)
	assert.Empty(t, groups)
}

func namespaces(t *testing.T, prefix string) []string {
	t.Helper()
	list, err := filepath.Glob("/run/netns/" + prefix + "*")
	require.NoError(t, err)
	return list
}

// processes are those that have a path in their command line.
func processes(t *testing.T, path string) (found []string) {
	t.Helper()
	list, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, p := range list {
		text, err := os.ReadFile(p)
		if err == nil && strings.Contains(string(text), path) {
			found = append(found, strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	return found
}
