package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"drydock/internal/engine"
	"drydock/internal/run"
)

// The lock is a container with a fixed name: the engine gives a name once, in one step, to
// whoever asks first, from whichever machine. It runs a loop that reads what the holder
// sends. When the holder dies, its connection ends, so the loop does: a lock whose holder
// is gone is a container that does not run. A connection that hangs is noticed by its
// silence.

const (
	beatEvery = 5 * time.Second
	beatLoss  = 30 * time.Second
	beatFirst = 10 * time.Second
	// startGrace is how long a lock may be there without running: its holder is between
	// creating and starting it.
	startGrace = 20 * time.Second
	statePath  = "/state"
	stateUser  = 65534
)

// lockScript holds the lock: $1 is how many seconds of silence end it, $2 how many before the
// first word: a holder that dies while the engine starts the container may leave a connection
// that never ends, as far as the program in it can see. It has to run in any sh.
const lockScript = `trap 'exit 0' TERM INT
exec 3<&0
echo 0 >/tmp/beat
(i=0; while read -r _; do i=$((i+1)); echo $i >/tmp/beat; done; kill -TERM $$) <&3 &
echo locked
last=; quiet=0
while :; do
  sleep 2 & wait $!
  now=$(cat /tmp/beat)
  if [ "$now" = "$last" ]; then quiet=$((quiet+2)); else quiet=0; last=$now; fi
  bound=$1; [ "$now" != 0 ] || bound=$2
  [ $quiet -lt "$bound" ] || { echo "nothing heard for $bound s" >&2; exit 1; }
done`

// errLost is the cause of a deploy's end when its lock is gone.
var errLost = errors.New("the lock was lost")

// lock is the lock while it is held.
type lock struct {
	engine    *engine.Client
	container string // its id
	pipe      *io.PipeWriter
	cancel    context.CancelFunc
	done      chan struct{}
	err       error // valid when done
	once      sync.Once
}

func (d *Deployer) lockName() string { return d.Stack.Settings.Project + "-deploy" }

// acquire takes the lock. A dead one is taken over; the dead holder is returned, then.
func (d *Deployer) acquire(ctx context.Context, image string, kind Kind, version string) (*lock, *Holder, error) {
	var dead *Holder
	if _, err := d.Stack.Engine.EnsureVolume(ctx, d.lockName(), d.Stack.ObjectLabels()); err != nil {
		return nil, nil, err
	}
	for deadline := time.Now().Add(startGrace); time.Now().Before(deadline); {
		l, err := d.tryLock(ctx, image, kind, version)
		if err == nil {
			return l, dead, nil
		}
		if !errors.Is(err, engine.ErrConflict) {
			return nil, nil, fmt.Errorf("taking the lock: %w", err)
		}
		h, err := d.holder(ctx)
		if err != nil {
			return nil, nil, err
		}
		switch {
		case h == nil:
			// It has just been given back; or it is being made, and the engine, which has
			// reserved the name, does not show it yet.
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
				return nil, nil, context.Cause(ctx)
			}
		case h.Alive:
			return nil, nil, d.busy(ctx, *h)
		default:
			dead = h
			// By its id: the name may be a living one's by now.
			if err := d.Stack.Engine.Remove(ctx, h.container); err != nil {
				return nil, nil, err
			}
		}
	}
	return nil, nil, run.WithCode(run.CodeBusy, errors.New("taking the lock: others took it each time; try again"))
}

func (d *Deployer) tryLock(ctx context.Context, image string, kind Kind, version string) (*lock, error) {
	own, err := engine.Tar(engine.File{Name: statePath[1:] + "/", Mode: 0o755, UID: stateUser, GID: stateUser})
	if err != nil {
		return nil, err
	}
	in, out := io.Pipe()
	// The lock outlives a Ctrl-C: undoing needs it, too.
	held, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l := &lock{engine: d.Stack.Engine, container: d.lockName(), pipe: out, cancel: cancel, done: make(chan struct{})}
	said := &firstWrite{ready: make(chan struct{})}
	labels := d.Stack.ObjectLabels(
		labelHolder, d.by(), labelHost, d.host(), labelPid, strconv.Itoa(os.Getpid()), labelSince, time.Now().UTC().Format(time.RFC3339),
		labelVersion, version, labelWhat, string(kind))
	spec := engine.Spec{
		Name: d.lockName(), Image: image, Labels: labels, Content: own,
		Entrypoint: []string{"sh", "-c", lockScript, "sh", strconv.Itoa(int(beatLoss.Seconds())), strconv.Itoa(int(beatFirst.Seconds()))},
		User:       fmt.Sprintf("%d:%d", stateUser, stateUser), CapDrop: []string{"ALL"}, NoNewPrivileges: true,
		Mounts: []engine.Mount{{Name: d.lockName(), Target: statePath, NoCopy: true}}, Tmpfs: map[string]string{"/tmp": "mode=1777,size=1m"},
		Memory: 64 << 20, Pids: 64, Restart: "no", StopTimeout: 2 * time.Second, LogDriver: "json-file",
		Health: &engine.HealthCheck{Cmd: []string{"true"}, Interval: time.Hour},
	}
	go func() {
		defer close(l.done)
		l.err = d.Stack.Engine.RunOnce(held, spec, engine.Streams{In: in, Out: said})
		_ = in.Close() // a heart that beats into it stops
	}()
	start := time.NewTimer(time.Minute)
	defer start.Stop()
	select {
	case <-said.ready:
		c, err := d.Stack.Engine.Container(ctx, l.container)
		if err != nil {
			l.release()
			return nil, err
		}
		l.container = c.ID // the name may be another's one day
		go l.beat()
		return l, nil
	case <-l.done:
		cancel()
		if l.err == nil {
			l.err = errors.New("it ended at once")
		}
		return nil, l.err
	case <-ctx.Done():
		l.release()
		return nil, context.Cause(ctx)
	case <-start.C:
		l.release()
		return nil, errors.New("the engine did not start its container within a minute")
	}
}

func (l *lock) beat() {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		if _, err := io.WriteString(l.pipe, ".\n"); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-l.done:
			return
		}
	}
}

// release gives it back and waits until it is gone.
func (l *lock) release() {
	l.once.Do(func() {
		_ = l.pipe.Close() // the loop reads its end
		bound := time.NewTimer(15 * time.Second)
		defer bound.Stop()
		select {
		case <-l.done:
		case <-bound.C:
		}
		l.cancel()
		<-l.done
	})
}

// guard ends a context when the lock is lost.
func (l *lock) guard(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-l.done:
			// How it ended tells nothing: it was ended from outside.
			cancel(fmt.Errorf("%w: its container is gone; the engine was restarted, the connection broke, or a person removed it", errLost))
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// lost says whether the lock is gone.
func (l *lock) lost() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// firstWrite tells of the first thing that is written.
type firstWrite struct {
	ready chan struct{}
	once  sync.Once
}

func (f *firstWrite) Write(p []byte) (int, error) {
	f.once.Do(func() { close(f.ready) })
	return len(p), nil
}
