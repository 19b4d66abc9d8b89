//go:build integration

package engine_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/testkit"
)

func TestInfo(t *testing.T) {
	c := testkit.Engine(t)
	in, err := c.Info(t.Context())
	require.NoError(t, err)
	assert.NotEmpty(t, in.Version)
	assert.NotEmpty(t, in.APIVersion)
	assert.NotEmpty(t, in.StorageDriver)
	assert.Equal(t, "linux", in.OS)
	assert.Positive(t, in.Memory)
	assert.Positive(t, in.CPUs)
	require.NoError(t, c.Ping(t.Context()))
	du, err := c.DiskUsage(t.Context())
	require.NoError(t, err)
	assert.Positive(t, du.Layers)
}

// socket is the path of the shared engine's socket.
func socket(t *testing.T) string {
	t.Helper()
	path, ok := strings.CutPrefix(testkit.Engine(t).Host(), "unix://")
	if !ok {
		t.Fatalf("this test reaches a local engine in several ways, and %s is none; unset DOCKER_HOST", testkit.Engine(t).Host())
	}
	return path
}

// usable runs something with a stream in both directions.
func usable(t *testing.T, c *engine.Client) {
	t.Helper()
	var out strings.Builder
	require.NoError(t, c.RunOnce(t.Context(), once(t, "stdin"), engine.Streams{In: strings.NewReader("through"), Out: &out}))
	assert.Equal(t, "through", out.String())
	in, err := c.WaitHealthy(t.Context(), testkit.Start(t, served()))
	require.NoError(t, err)
	require.NoError(t, c.Remove(t.Context(), in.ID))
}

func TestOpenThroughTCP(t *testing.T) {
	path := socket(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return // closed at the end of the test
			}
			to, err := net.Dial("unix", path)
			if err != nil {
				from.Close()
				continue
			}
			go join(to, from)
			go join(from, to)
		}
	}()
	c, err := engine.Open(t.Context(), "tcp://"+l.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	assert.False(t, c.Local())
	usable(t, c)
}

func join(to, from net.Conn) {
	_, _ = io.Copy(to, from) // either side may go first
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// An ssh:// engine is reached through the ssh command, which runs `docker system
// dial-stdio` on the other side. Here the ssh command runs it on this one; what it was
// asked for is kept.
func TestOpenThroughSSH(t *testing.T) {
	path := socket(t)
	dir := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\necho \"$@\" >>%[1]s/asked\nexport DOCKER_HOST=unix://%[2]s\n"+
		"while [ $# -gt 0 ] && [ \"$1\" != docker ] && [ \"$1\" != 'docker system dial-stdio' ]; do shift; done\nexec sh -c \"$*\"\n", dir, path)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ssh"), []byte(script), 0o755))
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))

	c, err := engine.Open(t.Context(), "ssh://ops@example.test:2222")
	require.NoError(t, err)
	defer c.Close()
	assert.Equal(t, []string{"DOCKER_HOST=ssh://ops@example.test:2222", "DOCKER_TLS_VERIFY="}, c.CLIEnv())
	usable(t, c)
	asked, err := os.ReadFile(filepath.Join(dir, "asked"))
	require.NoError(t, err)
	assert.Contains(t, string(asked), "ops")
	assert.Contains(t, string(asked), "example.test")
	assert.Contains(t, string(asked), "dial-stdio")
}

func TestAnSSHThatFailsSaysWhatToTry(t *testing.T) {
	dir := t.TempDir()
	// It takes the request first, as the real one is never so fast that the request cannot be written.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ssh"), []byte("#!/bin/sh\nread -r _\necho 'Permission denied (publickey).' >&2\nexit 255\n"), 0o755))
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	begin := time.Now()
	_, err := engine.Open(t.Context(), "ssh://ops@example.test")
	require.ErrorIs(t, err, engine.ErrUnavailable)
	assert.ErrorContains(t, err, "Permission denied")
	assert.ErrorContains(t, err, "ssh ops@example.test docker version")
	assert.Less(t, time.Since(begin), 20*time.Second)
}
