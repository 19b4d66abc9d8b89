package supervisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// testTime bounds `nginx -t`.
const testTime = 30 * time.Second

// testConfig has nginx check a configuration's folder and returns what it said, which
// has warnings, too. A refusal is a *ConfigError.
func testConfig(ctx context.Context, dir string) (said string, err error) {
	ctx, cancel := context.WithTimeout(ctx, testTime)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "nginx", "-e", "stderr", "-t", "-c", filepath.Join(dir, "nginx.conf"))
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return out.String(), nil
	case ctx.Err() != nil:
		return out.String(), fmt.Errorf("testing %s: nginx -t did not end within %s", dir, testTime)
	case errors.As(err, &exit):
		return out.String(), newConfigError(dir, out.String())
	default:
		return "", fmt.Errorf("testing %s: %w", dir, err)
	}
}

// nginx is the running server.
type nginx struct {
	cmd    *exec.Cmd
	exited chan struct{}
	err    error // how it ended; to be read after exited is closed
	status *http.Client
}

// startNginx starts nginx on the current generation, with our own standard output. Its
// errors come to lines, or to our own standard error if that is nil. It has a process group of its own: a terminal's Ctrl-C is ours alone, and
// workers whose master died can be ended together.
func startNginx(current, statusSocket string, lines *errorLog) (*nginx, error) {
	cmd := exec.Command("nginx", "-e", "stderr", "-c", filepath.Join(current, "nginx.conf"), "-g", "daemon off;")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if lines != nil {
		cmd.Stderr = lines.write
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting nginx: %w", errors.Join(err, lines.giveUp()))
	}
	if lines != nil {
		if err := lines.started(); err != nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			return nil, fmt.Errorf("starting nginx: leaving its errors' pipe to it: %w", err)
		}
	}
	n := &nginx{cmd: cmd, exited: make(chan struct{}), status: &http.Client{
		Timeout: time.Second,
		Transport: &http.Transport{
			DisableKeepAlives: true, // a kept connection would go on asking the same, old worker
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", statusSocket)
			},
		},
	}}
	go func() {
		n.err = cmd.Wait()
		if lines != nil {
			select {
			case <-lines.drained: // its last words come before ours
			case <-time.After(time.Second): // workers that are left have the pipe, too
			}
		}
		close(n.exited)
	}()
	return n, nil
}

// Alive says whether the master runs.
func (n *nginx) Alive() bool {
	select {
	case <-n.exited:
		return false
	default:
		return true
	}
}

// Reload tells nginx to read the configuration again.
func (n *nginx) Reload() error { return n.signal(syscall.SIGHUP) }

func (n *nginx) signal(sig os.Signal) error {
	if err := n.cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("signalling nginx: %w", err)
	}
	return nil
}

// Workers are the present worker processes.
func (n *nginx) Workers() ([]Worker, error) { return workers("/proc", n.cmd.Process.Pid) }

// Terminate ends one worker at once.
func (n *nginx) Terminate(w Worker) error { return syscall.Kill(w.Pid, syscall.SIGTERM) }

// Generation asks nginx which generation serves.
func (n *nginx) Generation(ctx context.Context) (int, error) {
	text, err := n.ask(ctx, "/generation")
	if err != nil {
		return 0, err
	}
	g, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return 0, fmt.Errorf("asking nginx for its generation: it says %.100q", text)
	}
	return g, nil
}

func (n *nginx) ask(ctx context.Context, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://status"+path, nil)
	if err != nil {
		return "", err
	}
	res, err := n.status.Do(req)
	if err != nil {
		return "", fmt.Errorf("asking nginx for %s: %w", path, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d", res.StatusCode)
	}
	if err != nil {
		return "", fmt.Errorf("asking nginx for %s: %w", path, err)
	}
	return string(text), nil
}

// stop ends nginx: requests in flight may finish for as long as patience; hurry, when
// closed, cuts that short.
func (n *nginx) stop(patience time.Duration, hurry <-chan struct{}) {
	_ = n.signal(syscall.SIGQUIT) // it may have ended already, which is as good
	select {
	case <-n.exited:
		return
	case <-hurry:
	case <-time.After(patience):
	}
	_ = n.signal(syscall.SIGTERM)
	select {
	case <-n.exited:
		return
	case <-time.After(5 * time.Second):
	}
	n.kill()
	<-n.exited
}

// kill ends what is left of nginx, also workers whose master is gone.
func (n *nginx) kill() { _ = syscall.Kill(-n.cmd.Process.Pid, syscall.SIGKILL) }

// Test has nginx check a configuration's folder.
func (n *nginx) Test(ctx context.Context, dir string) error {
	_, err := testConfig(ctx, dir)
	return err
}
