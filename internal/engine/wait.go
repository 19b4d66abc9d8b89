package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// A Predicate says whether a container is as wanted. An error ends the wait: it will
// never be.
type Predicate func(Container) (done bool, err error)

// WaitError is a container that did not become as wanted.
type WaitError struct {
	Container Container // as it was last seen
	Want      string    // for example healthy
	Err       error
	Check     string   // what the last health check printed
	Logs      []string // the last lines that the container wrote
}

// Error includes the last health check and the last log lines: they are where the
// cause is.
func (e *WaitError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "waiting for %s to be %s: %v", e.Container.Service(), e.Want, e.Err)
	if e.Check != "" {
		fmt.Fprintf(&b, "\n    last health check: %s", e.Check)
	}
	if len(e.Logs) > 0 {
		b.WriteString("\n    its last lines:")
		for _, l := range e.Logs {
			b.WriteString("\n      " + l)
		}
	}
	fmt.Fprintf(&b, "\n    more: docker logs %s", e.Container.Name)
	return b.String()
}

// Unwrap gives access to the cause, for example context.DeadlineExceeded.
func (e *WaitError) Unwrap() error { return e.Err }

// ErrNoHealthcheck is a wait for the health of a container that has no check.
var ErrNoHealthcheck = errors.New("it has no health check: declare HEALTHCHECK in the image or healthcheck in compose")

// ErrStopped is a container that ended although it should have gone on.
var ErrStopped = errors.New("it stopped")

// ErrUnhealthy is a container whose health check failed as often as it may.
var ErrUnhealthy = errors.New("its health check failed")

// WaitHealthy waits until the container is healthy. It fails as soon as the container
// is unhealthy, stops without being restarted, is restarted five times, or turns out to
// have no health check; the error is a *WaitError.
func (c *Client) WaitHealthy(ctx context.Context, id string) (Container, error) {
	return c.wait(ctx, id, string(Healthy), patient(IsHealthy))
}

// maxRestarts is how often a container may be restarted while it is waited for. Without
// a bound, a broken one with a restart policy would be waited for until ctx ends.
const maxRestarts = 5

func patient(p Predicate) Predicate {
	first := -1
	return func(in Container) (bool, error) {
		if first < 0 {
			first = in.Restarts
		}
		if n := in.Restarts - first; n >= maxRestarts {
			return false, fmt.Errorf("%w again and again (%d restarts): %s", ErrStopped, n, in.ending())
		}
		return p(in)
	}
}

// WaitReady is WaitHealthy for a container with a health check; one without is ready
// when it runs.
func (c *Client) WaitReady(ctx context.Context, id string) (Container, error) {
	return c.wait(ctx, id, "ready", patient(func(in Container) (bool, error) {
		if in.State == Running && in.Health == NoHealth {
			return true, nil
		}
		return IsHealthy(in)
	}))
}

// WaitExit waits until the container has ended and will not be restarted. Its exit
// code is in the result; a code other than 0 is no error here.
func (c *Client) WaitExit(ctx context.Context, id string) (Container, error) {
	return c.wait(ctx, id, "finished", func(in Container) (bool, error) {
		return in.State == Exited || in.State == Dead, nil
	})
}

// WaitFor waits until the predicate holds. It is asked once at the beginning and then
// after each event of the container (start, die, pause, health, ...); things that emit
// no event of the container cannot be waited for.
func (c *Client) WaitFor(ctx context.Context, id, want string, p Predicate) (Container, error) {
	return c.wait(ctx, id, want, p)
}

// IsHealthy is the predicate of WaitHealthy.
func IsHealthy(in Container) (bool, error) {
	switch in.State {
	case Exited, Dead, Removing:
		return false, fmt.Errorf("%w: %s", ErrStopped, in.ending())
	case Restarting:
		// Its restart policy gives it another chance; so do we, within ctx.
		return false, nil
	}
	switch in.Health {
	case Healthy:
		return in.State == Running, nil
	case Unhealthy:
		return false, ErrUnhealthy
	case NoHealth:
		if in.State == Running {
			return false, ErrNoHealthcheck
		}
	}
	return false, nil
}

func (c Container) ending() string {
	text := fmt.Sprintf("exit code %d", c.ExitCode)
	if c.OOM {
		text += ", out of memory: raise its limit"
	}
	if c.Error != "" {
		text += ", " + c.Error
	}
	return text
}

// waitActions are the events after which a container may look different. The exec_*
// events of its health checks are not among them: there is one every few seconds.
var waitActions = []string{
	"create", "start", "restart", "die", "stop", "kill", "oom", "pause", "unpause",
	"health_status", "rename", "update", "destroy",
}

// everything makes the engine replay the events that it remembers. The stream's
// headers arrive before the engine listens, so an event could fall between the two;
// replayed, it cannot. An old event costs one more inspection, nothing else.
var everything = time.Unix(1, 0)

// maxStreams is how often a wait begins again after the engine, or a proxy before it,
// closed the stream.
const maxStreams = 20

func (c *Client) wait(ctx context.Context, id, want string, p Predicate) (Container, error) {
	var last Container
	for attempt := 1; ; attempt++ {
		done, err := c.waitOnce(ctx, id, p, &last)
		if done && err == nil {
			return last, nil
		}
		closed := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if closed && ctx.Err() == nil && attempt < maxStreams {
			continue // listen again; if the engine is gone, that fails
		}
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if last.ID == "" {
			return last, c.fail(err, "waiting for container %s to be %s", short(id), want)
		}
		return last, c.explain(last, want, err)
	}
}

func (c *Client) waitOnce(ctx context.Context, id string, p Predicate, last *Container) (bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	happened, failed := c.Events(ctx, EventFilter{
		Types: []string{"container"}, Actions: waitActions, Container: id, Since: everything,
	})
	for {
		in, err := c.Container(ctx, id)
		if err != nil {
			return false, err
		}
		*last = in
		if done, err := p(in); done || err != nil {
			return done, err
		}
		select {
		case _, ok := <-happened:
			if !ok {
				return false, <-failed
			}
			drain(happened)
		case err := <-failed:
			return false, err
		}
	}
}

// drain takes what has piled up: one inspection serves for all of it.
func drain(events <-chan Event) {
	for {
		select {
		case _, ok := <-events:
			if !ok {
				return
			}
		default:
			return
		}
	}
}

// explain collects what a person needs to see. It uses a context of its own, since the
// caller's has often just ended.
func (c *Client) explain(last Container, want string, err error) error {
	e := &WaitError{Container: last, Want: want, Err: err}
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	if now, err := c.Container(ctx, last.ID); err == nil {
		e.Container = now
	}
	if n := len(e.Container.Checks); n > 0 {
		check := e.Container.Checks[n-1]
		e.Check = fmt.Sprintf("exit code %d: %s", check.ExitCode, strings.TrimSpace(check.Output))
	}
	logErr := c.Logs(ctx, last.ID, LogOptions{Tail: 15}, func(l LogLine) error {
		e.Logs = append(e.Logs, l.Text)
		return nil
	})
	if logErr != nil && !errors.Is(logErr, ErrNotFound) {
		e.Logs = append(e.Logs, "(its log cannot be read: "+logErr.Error()+")")
	}
	return e
}
