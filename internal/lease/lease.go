// Package lease owns the lock that keeps changes of one environment apart, from whichever machine
// they come: taking it, holding it, seeing who holds it and whether that one lives. It does not own
// what is done under it, nor what its holder writes into the volume that comes with it.
//
// A lease is a container with a fixed name: the engine gives a name once, in one step, to
// whoever asks first. It runs a loop that reads what the holder sends. When the holder dies, its
// connection ends, so the loop does: a lease whose holder is gone is a container that does not
// run. A connection that hangs is noticed by its silence.
package lease

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"drydock/internal/engine"
	"drydock/internal/run"
)

const (
	beatEvery = 5 * time.Second
	beatLoss  = 30 * time.Second
	beatFirst = 10 * time.Second
	// startGrace is how long a lease may be there without running: its holder is between
	// creating and starting it.
	startGrace = 20 * time.Second
	user       = 65534
)

// StatePath is where the volume of a lease is in its container.
const StatePath = "/state"

// script holds the lease: $1 is how many seconds of silence end it, $2 how many before the
// first word: a holder that dies while the engine starts the container may leave a connection
// that never ends, as far as the program in it can see. It has to run in any sh.
const script = `trap 'exit 0' TERM INT
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

// ErrLost is why that ends which was done under a lease that is gone.
var ErrLost = errors.New("the lock was lost")

// Spec is a lease to take.
type Spec struct {
	Name   string            // of the container
	Image  string            // any with a shell; the engine has it
	Labels map[string]string // of all that is made
	Holder Holder            // who takes it
	Volume string            // mounted at StatePath; it is made, and stays. "": none
}

// Lease is the lock while it is held.
type Lease struct {
	Container string // its id

	engine *engine.Client
	pipe   *io.PipeWriter
	cancel context.CancelFunc
	done   chan struct{}
	err    error // valid when done
	once   sync.Once
}

// Take takes the lease, from a dead holder as well, who is returned then. The error is a
// *HeldError while a living one has it.
func Take(ctx context.Context, e *engine.Client, s Spec) (_ *Lease, dead *Holder, err error) {
	if s.Volume != "" {
		if _, err := e.EnsureVolume(ctx, s.Volume, s.Labels); err != nil {
			return nil, nil, err
		}
	}
	for deadline := time.Now().Add(startGrace); time.Now().Before(deadline); {
		l, err := try(ctx, e, s)
		if err == nil {
			return l, dead, nil
		}
		if !errors.Is(err, engine.ErrConflict) {
			return nil, nil, fmt.Errorf("taking the lock: %w", err)
		}
		h, err := Look(ctx, e, s.Name)
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
			return nil, nil, &HeldError{*h}
		default:
			dead = h
			// By its id: the name may be a living one's by now.
			if err := e.Remove(ctx, h.Container); err != nil {
				return nil, nil, err
			}
		}
	}
	return nil, nil, run.WithCode(run.CodeBusy, errors.New("taking the lock: others took it each time; try again"))
}

func try(ctx context.Context, e *engine.Client, s Spec) (*Lease, error) {
	in, out := io.Pipe()
	// The lease outlives a Ctrl-C: undoing needs it, too.
	held, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l := &Lease{engine: e, Container: s.Name, pipe: out, cancel: cancel, done: make(chan struct{})}
	said := &firstWrite{ready: make(chan struct{})}
	spec := engine.Spec{
		Name: s.Name, Image: s.Image, Labels: s.Holder.labels(s.Labels),
		Entrypoint: []string{"sh", "-c", script, "sh", strconv.Itoa(int(beatLoss.Seconds())), strconv.Itoa(int(beatFirst.Seconds()))},
		User:       fmt.Sprintf("%d:%d", user, user), CapDrop: []string{"ALL"}, NoNewPrivileges: true,
		Tmpfs:  map[string]string{"/tmp": "mode=1777,size=1m"},
		Memory: 64 << 20, Pids: 64, Restart: "no", StopTimeout: 2 * time.Second, LogDriver: "json-file",
		Health: &engine.HealthCheck{Cmd: []string{"true"}, Interval: time.Hour},
	}
	if s.Volume != "" {
		own, err := engine.Tar(engine.File{Name: StatePath[1:] + "/", Mode: 0o755, UID: user, GID: user})
		if err != nil {
			cancel()
			return nil, err
		}
		spec.Content = own
		spec.Mounts = []engine.Mount{{Name: s.Volume, Target: StatePath, NoCopy: true}}
	}
	go func() {
		defer close(l.done)
		l.err = e.RunOnce(held, spec, engine.Streams{In: in, Out: said})
		_ = in.Close() // a heart that beats into it stops
	}()
	start := time.NewTimer(time.Minute)
	defer start.Stop()
	select {
	case <-said.ready:
		c, err := e.Container(ctx, s.Name)
		if err != nil {
			l.Release()
			return nil, err
		}
		l.Container = c.ID // the name may be another's one day
		go l.beat()
		return l, nil
	case <-l.done:
		cancel()
		if l.err == nil {
			l.err = errors.New("it ended at once")
		}
		return nil, l.err
	case <-ctx.Done():
		l.Release()
		return nil, context.Cause(ctx)
	case <-start.C:
		l.Release()
		return nil, errors.New("the engine did not start its container within a minute")
	}
}

func (l *Lease) beat() {
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

// Release gives it back and waits until it is gone.
func (l *Lease) Release() {
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

// Guard is a context that ends when the lease is lost.
func (l *Lease) Guard(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-l.done:
			// How it ended tells nothing: it was ended from outside.
			cancel(fmt.Errorf("%w: its container is gone; the engine was restarted, the connection broke, or a person removed it", ErrLost))
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// Lost says whether the lease is gone.
func (l *Lease) Lost() bool {
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
