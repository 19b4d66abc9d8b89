package testkit

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"drydock/internal/run"
)

// hostInitScript is the first process of a host. It starts what it is told to, one command
// a line, and ends with its input; the kernel then kills all the others, pid_namespaces(7).
// /run is the host's own: no socket of the machine's engine or containerd is in it.
const hostInitScript = `hostname "$1" && mount -t tmpfs tmpfs /run && mkdir -p /run/sshd || exit 1
while IFS= read -r line; do sh -c "exec $line" </dev/null & done`

// hostInit is a host that runs.
type hostInit struct {
	in    *io.PipeWriter
	log   *hostLog
	ended chan struct{}
}

// startInit makes a host name, processes, mounts and /run of its own in a network namespace. Not `ip
// netns exec`: that mounts /sys anew, and the control groups below it are lost.
func startInit(space, name string) (*hostInit, error) {
	r, w := io.Pipe()
	i := &hostInit{in: w, log: &hostLog{}, ended: make(chan struct{})}
	go func() {
		defer close(i.ended)
		err := run.Run(context.Background(), run.Cmd{
			Name: "nsenter",
			Args: []string{"--net=/run/netns/" + space, "unshare", "--uts", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "sh", "-c", hostInitScript, "init", name},
			Env:  withSbin(os.Environ()), Stdin: r, Stdout: i.log, Stderr: i.log,
		})
		if err != nil {
			fmt.Fprintf(i.log, "the host ended: %v\n", err)
		}
		_ = r.CloseWithError(fmt.Errorf("the host has ended: %w", os.ErrClosed))
	}()
	return i, nil
}

// run starts a program on the host; no argument may hold anything that a shell expands.
func (i *hostInit) run(argv ...string) error {
	for _, a := range argv {
		if strings.ContainsAny(a, " \t\n'\"\\$`&|;<>()*?[]#~!{}") {
			return fmt.Errorf("starting %s: the argument %q is not plain", argv[0], a)
		}
	}
	if _, err := io.WriteString(i.in, strings.Join(argv, " ")+"\n"); err != nil {
		return fmt.Errorf("starting %s: %w\n%s", argv[0], err, i.log.tail())
	}
	return nil
}

// kill ends all processes of the host at once and waits until they are gone.
func (i *hostInit) kill() {
	_ = i.in.Close() // a pipe in memory: cannot fail
	<-i.ended
}

// withSbin adds the folders where dockerd and sshd are, which a plain user's PATH lacks.
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

// hostLog keeps what a host's programs say and tells when one says a certain thing.
type hostLog struct {
	mu    sync.Mutex
	text  bytes.Buffer
	waits map[string]chan struct{}
}

// when is closed as soon as something is said after this call.
func (l *hostLog) when(text string) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waits == nil {
		l.waits = map[string]chan struct{}{}
	}
	c := make(chan struct{})
	l.waits[text] = c
	return c
}

func (l *hostLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.text.Write(p)
	for text, c := range l.waits {
		if bytes.Contains(l.text.Bytes(), []byte(text)) {
			close(c)
			delete(l.waits, text)
		}
	}
	return n, err
}

func (l *hostLog) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(l.text.String()), "\n")
	return strings.Join(lines[max(0, len(lines)-logLines):], "\n")
}
