package testkit

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"drydock/internal/run"
)

// secondStart bounds the start of a second engine on a busy machine.
const secondStart = time.Minute

// SecondEngine starts another Docker engine for this test alone and returns its
// address as in DOCKER_HOST. It has no images, and shares nothing with the machine's own
// but docker0: data, sockets, pid file and containerd's names are its own. Its containers
// and builds must use the network none or host, because two engines would give the same
// addresses on one bridge. It needs root. It ends with the test, or with the process.
func SecondEngine(t testing.TB) string {
	t.Helper()
	// Not t.TempDir: with a long test name in it the path of the socket would be longer
	// than the 107 bytes that unix(7) allows.
	dir, err := os.MkdirTemp("", "dd2-")
	if err != nil {
		t.Fatalf("starting a second engine: %v", err)
	}
	config := filepath.Join(dir, "daemon.json")
	// Of the machine's own daemon.json nothing must get in. Graph drivers are what
	// servers with an older engine have; newer ones would start without.
	if err := os.WriteFile(config, []byte(`{"features": {"containerd-snapshotter": false}}`), 0o600); err != nil {
		t.Fatalf("starting a second engine: %v", err)
	}
	host := "unix://" + filepath.Join(dir, "sock")
	log := &readyLog{line: "API listen on", ready: make(chan struct{})}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- run.Run(ctx, run.Cmd{
			Name: "dockerd",
			Args: []string{
				"--config-file", config, "--host", host,
				"--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"),
				"--containerd-namespace", filepath.Base(dir), "--containerd-plugins-namespace", filepath.Base(dir) + "-plugins",
				// Not --bridge=none: that removes docker0, which is the machine's own engine's.
				"--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false",
			},
			Env: withSbin(os.Environ()), Stdout: log, Stderr: log, Grace: 20 * time.Second,
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Logf("stopping the second engine: %v", err)
		}
		if t.Failed() {
			t.Logf("log of the second engine:\n%s", log.tail())
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("removing the second engine's data: %v", err)
		}
	})
	select {
	case <-log.ready:
	case err := <-ended:
		ended <- err
		t.Fatalf("starting a second engine: dockerd ended: %v\n%s", err, log.tail())
	case <-time.After(secondStart):
		t.Fatalf("starting a second engine: not ready after %s:\n%s", secondStart, log.tail())
	}
	return host
}

// withSbin adds the folders where dockerd is, which a plain user's PATH lacks.
func withSbin(environ []string) []string {
	out := make([]string, 0, len(environ))
	for _, kv := range environ {
		if rest, ok := strings.CutPrefix(kv, "PATH="); ok {
			kv = "PATH=" + rest + ":/usr/local/sbin:/usr/sbin:/sbin"
		}
		out = append(out, kv)
	}
	return out
}

// readyLog keeps what a daemon says and tells when it says a certain thing.
type readyLog struct {
	mu    sync.Mutex
	text  bytes.Buffer
	line  string
	ready chan struct{}
	done  bool
}

func (l *readyLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.text.Write(p)
	if !l.done && bytes.Contains(l.text.Bytes(), []byte(l.line)) {
		l.done = true
		close(l.ready)
	}
	return n, err
}

func (l *readyLog) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(l.text.String()), "\n")
	return strings.Join(lines[max(0, len(lines)-logLines):], "\n")
}
