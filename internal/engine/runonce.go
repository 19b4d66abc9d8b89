package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/docker/docker/api/types/container"
)

// Streams are the ends of a command's input and output. Nil reads nothing, or
// discards.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// ExitError is a command that ran and ended with a code other than 0.
type ExitError struct {
	What string // the container or command
	Code int
	OOM  bool   // the engine noticed that it was killed for want of memory
	Tail string // the end of what it wrote to stderr
}

// Error says how it ended and what it said last.
func (e *ExitError) Error() string {
	text := fmt.Sprintf("%s ended with exit code %d", e.What, e.Code)
	switch {
	case e.OOM:
		text += ", out of memory: raise its limit"
	case e.Code == 128+9:
		// Engines do not notice it when the end comes within moments of the start.
		text += " (killed, perhaps for want of memory)"
	}
	if tail := strings.TrimSpace(e.Tail); tail != "" {
		text += ": " + tail
	}
	return text
}

// RunOnce creates a container, runs it to its end and removes it, whatever happens.
// A code other than 0 is an *ExitError. When ctx ends the container is stopped (with
// TERM and StopTimeout if the spec has one, else at once) and removed before RunOnce
// returns.
func (c *Client) RunOnce(ctx context.Context, s Spec, std Streams) error {
	what := s.Name
	if what == "" {
		what = "a container of " + s.Image
	}
	id, err := c.createAttached(ctx, s, std)
	if err != nil {
		return err
	}
	defer c.discard(ctx, id)
	if s.Content != nil {
		if err := c.CopyTo(ctx, id, "/", s.Content); err != nil {
			return err
		}
	}

	conn, err := c.api.ContainerAttach(ctx, id, container.AttachOptions{
		Stream: true, Stdin: std.In != nil, Stdout: true, Stderr: true,
	})
	if err != nil {
		return c.fail(contextFirst(ctx, err), "attaching to %s", what)
	}
	tail := &tailBuffer{}
	p := pipe(conn, std, tail, false)
	defer p.close()

	// Waiting begins before the start, so that even the shortest life is seen.
	waiting, stopWaiting := context.WithCancel(ctx)
	ended, failed := c.api.ContainerWait(waiting, id, container.WaitConditionNextExit)
	defer stopWaiting()
	if err := c.Start(ctx, id); err != nil {
		stopWaiting()
		go func() { // the SDK's goroutine waits until its answer is taken
			select {
			case <-ended:
			case <-failed:
			}
		}()
		c.endPolitely(ctx, id, s, p) // it may have been started all the same
		return c.fail(contextFirst(ctx, err), "running %s", what)
	}
	select {
	case end := <-ended:
		if err := p.wait(ctx); err != nil {
			return c.fail(err, "reading the output of %s", what)
		}
		if end.Error != nil && end.Error.Message != "" {
			return c.fail(errors.New(end.Error.Message), "running %s", what)
		}
		if end.StatusCode == 0 {
			return nil
		}
		exit := &ExitError{What: what, Code: int(end.StatusCode), Tail: tail.String()}
		if in, err := c.Container(ctx, id); err == nil {
			exit.OOM = in.OOM
		}
		return exit
	case err := <-failed:
		c.endPolitely(ctx, id, s, p)
		return c.fail(contextFirst(ctx, err), "running %s", what)
	}
}

// endPolitely lets a container end by itself when ctx has ended and the spec gives it
// the time. That it cannot is no error: removing the container follows in any case.
func (c *Client) endPolitely(ctx context.Context, id string, s Spec, p *piped) {
	if ctx.Err() == nil || s.StopTimeout <= 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.StopTimeout+cleanupTimeout)
	defer cancel()
	if in, err := c.Container(ctx, id); err != nil || in.State == Created {
		return
	}
	if c.Stop(ctx, id, s.StopTimeout) == nil {
		_ = p.wait(ctx) // its last words
	}
}

func (c *Client) createAttached(ctx context.Context, s Spec, std Streams) (string, error) {
	config, host, networking, err := s.configs()
	if err != nil {
		return "", c.fail(err, "creating container %s from %s", s.Name, s.Image)
	}
	if std.In != nil {
		config.OpenStdin, config.StdinOnce, config.AttachStdin = true, true, true
	}
	return c.create(ctx, s, config, host, networking)
}
