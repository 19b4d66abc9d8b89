package supervisor

import (
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMaskQueries(t *testing.T) {
	const about = `2026/01/02 03:04:05 [error] 7#7: *1 connect() failed, client: 10.0.0.1, server: _, `
	for _, c := range []struct{ in, want string }{
		{`request: "GET /x?token=S HTTP/1.1", upstream: "http://10.0.0.2:80/x?token=S", host: "h", referrer: "http://h/?token=S"`,
			`request: "GET /x?*** HTTP/1.1", upstream: "http://10.0.0.2:80/x?***", host: "h", referrer: "http://h/?***"`},
		{`request: "GET /x?a="b&token=S HTTP/1.1", host: "h"`, `request: "GET /x?*** HTTP/1.1", host: "h"`},
		{`request: "GET /x?a?token=S HTTP/2.0", host: "h"`, `request: "GET /x?*** HTTP/2.0", host: "h"`},
		{`request: "GET /x?token=S`, `request: "GET /x?***`}, // cut off
		{`request: "GET /x HTTP/1.1", host: "h"`, `request: "GET /x HTTP/1.1", host: "h"`},
	} {
		assert.Equal(t, about+c.want, string(maskQueries([]byte(about+c.in))))
		assert.Equal(t, about+c.want+"\n", string(maskQueries([]byte(about+c.in+"\n"))))
	}
	const plain = `nginx: [emerg] unknown directive "a?b" in /etc/nginx/x.conf:1` + "\n"
	assert.Equal(t, plain, string(maskQueries([]byte(plain))))
}

// A process that writes more than is read loses lines; it does not wait.
func TestErrorLogHoldsNobodyUp(t *testing.T) {
	held := &heldWriter{free: make(chan struct{})}
	l, err := newErrorLog(held)
	require.NoError(t, err)
	cmd := exec.Command("sh", "-c", `i=0; while [ $i -lt 300 ]; do head -c 9999 /dev/zero | tr '\0' x >&2; echo >&2; i=$((i+1)); done; exit 0`)
	cmd.Stderr = l.write
	require.NoError(t, cmd.Start())
	require.NoError(t, l.started())
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		_ = cmd.Process.Kill()
		t.Fatal("the writer waits")
	}
	close(held.free)
	<-l.drained
	assert.Contains(t, held.text(), "xxx")
}

type heldWriter struct {
	free chan struct{}
	mu   sync.Mutex
	b    strings.Builder
}

func (w *heldWriter) Write(p []byte) (int, error) {
	<-w.free
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *heldWriter) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}
