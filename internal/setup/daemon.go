package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// answerPoll is how often a starting daemon is asked. It has no event to offer
// before its socket exists.
const answerPoll = 200 * time.Millisecond

// startDaemon makes the local dockerd answer: it waits for one that runs, or starts
// one that outlives this process. It returns when the API answers, and fails with
// the daemon's own last words as soon as it ends.
func startDaemon(ctx context.Context, o Options, u User) error {
	ctx, cancel := context.WithTimeoutCause(ctx, o.wait(),
		fmt.Errorf("dockerd did not answer on %s within %s; see %s", o.Daemon.socket(), o.wait(), o.Daemon.log()))
	defer cancel()
	if answers(ctx, o) {
		return nil
	}
	d := lookDaemon(o.Daemon)
	if d.Alive {
		return awaitAnswer(ctx, o, nil)
	}
	if d.Stale || d.Leftover {
		say(o, "removing %s: pid %d %s", o.Daemon.pidFile(), d.PID, d.Found)
		err := asRoot(ctx, o, u, Step{Name: "dockerd", Script: fmt.Sprintf("rm -f %s %s %s\n", quote(o.Daemon.pidFile()),
			quote(containerdFile(o.Daemon, "containerd.pid")), quote(containerdFile(o.Daemon, "containerd.sock")))}, o.Stderr)
		if err != nil {
			return fmt.Errorf("removing what a dead dockerd left behind: %w", err)
		}
	}
	p, err := launch(o, u)
	if err != nil {
		return fmt.Errorf("starting %s: %w", o.Daemon.binary(), err)
	}
	err = awaitAnswer(ctx, o, p.ended)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errEnded):
		// Someone else's dockerd may have been faster, a package's own script say:
		// then ours gave way, and that one is waited for.
		if lookDaemon(o.Daemon).Alive || answers(ctx, o) {
			return awaitAnswer(ctx, o, nil)
		}
		return p.explain(o)
	}
	p.stop(o, u)
	if said := p.said(o); said != "" {
		return fmt.Errorf("%w; its last words:\n%s", err, said)
	}
	return err
}

// answers says whether the API is there. A socket that only root may use is there,
// too, when its daemon lives.
func answers(ctx context.Context, o Options) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	c, err := openEngine(ctx, o)
	if err != nil {
		return errors.Is(err, fs.ErrPermission) && lookDaemon(o.Daemon).Alive
	}
	_ = c.Close()
	return true
}

var errEnded = errors.New("dockerd ended")

// awaitAnswer returns nil once the API answers, errEnded when ended is closed
// before, or the context's cause.
func awaitAnswer(ctx context.Context, o Options, ended <-chan struct{}) error {
	tick := time.NewTicker(answerPoll)
	defer tick.Stop()
	for {
		if answers(ctx, o) {
			return nil
		}
		select {
		case <-ended:
			return errEnded
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// process is a dockerd that was started here.
type process struct {
	cmd    *exec.Cmd
	ended  chan struct{}
	offset int64 // size of the log before it began to write
}

// launch starts dockerd in a session of its own, with its log in a file, so that
// neither a closed terminal nor our end reaches it. internal/run is not used: its
// children are meant to end with us.
func launch(o Options, u User) (*process, error) {
	p := &process{ended: make(chan struct{})}
	if info, err := os.Stat(o.Daemon.log()); err == nil {
		p.offset = info.Size()
	}
	argv := make([]string, 0, 8)
	for _, a := range o.Daemon.argv() {
		argv = append(argv, quote(a))
	}
	// As Debian's init script: many containers need many files.
	script := fmt.Sprintf("ulimit -n 1048576 2>/dev/null || :\numask 022\ncd /\nexec %s >>%s 2>&1\n",
		strings.Join(argv, " "), quote(o.Daemon.log()))
	if u.Root {
		p.cmd = exec.Command("sh", "-eu", "-s")
		p.cmd.Env = o.rootEnv()
	} else {
		p.cmd = exec.Command("sudo", "-n", "--", "sh", "-eu", "-s")
		p.cmd.Env = o.childEnv()
	}
	p.cmd.Stdin = strings.NewReader(shell(o, script))
	p.cmd.Dir = "/"
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in its log
		close(p.ended)
	}()
	return p, nil
}

// stop ends a daemon that nobody will wait for any more, so that a cancelled setup
// leaves none that is half started. dockerd ends its containers and its containerd
// on TERM.
func (p *process) stop(o Options, u User) {
	select {
	case <-p.ended:
		return
	default:
	}
	if u.Root {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // gone already: nothing to do
	} else {
		// On a context of its own: the caller's has ended.
		_ = asRoot(context.Background(), o, u,
			Step{Name: "dockerd", Script: fmt.Sprintf("kill %d\n", p.cmd.Process.Pid)}, o.Stderr)
	}
	timer := time.NewTimer(15 * time.Second)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		say(o, "dockerd (pid %d) is still stopping", p.cmd.Process.Pid)
	}
}

// lastWords is how much of the log goes into an error.
const lastWords = 2 << 10

// said is the end of what the daemon wrote since it was started.
func (p *process) said(o Options) string {
	file, err := os.Open(o.Daemon.log())
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return ""
	}
	from := max(p.offset, info.Size()-lastWords)
	text, err := io.ReadAll(io.NewSectionReader(file, from, info.Size()-from))
	if err != nil {
		return ""
	}
	if from > p.offset { // begin at a line
		if _, rest, ok := strings.Cut(string(text), "\n"); ok {
			return strings.TrimSpace(rest)
		}
	}
	return strings.TrimSpace(string(text))
}

// explain turns the daemon's last words into an error with the next step.
func (p *process) explain(o Options) error {
	said := p.said(o)
	next := ""
	switch {
	case strings.Contains(said, "nf_tables") || strings.Contains(said, "Failed to initialize nft"):
		next = "this kernel does not have nf_tables: update-alternatives --set iptables /usr/sbin/iptables-legacy"
	case strings.Contains(said, "Permission denied (you must be root)") || strings.Contains(said, "iptables") && strings.Contains(said, "operation not permitted"):
		next = "this container may not change its network: start it with --privileged, or use an engine elsewhere (DOCKER_HOST)"
	case strings.Contains(said, "cgroup"):
		next = "control groups are not usable here: in a container, start it with --privileged"
	default:
		next = "the whole log is in " + o.Daemon.log()
	}
	return fmt.Errorf("dockerd ended right after its start; %s; its last words:\n%s", next, said)
}
