package engine

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
)

// Command is something to run in a running container.
type Command struct {
	Cmd  []string // no shell
	Env  []string // KEY=value, added to the container's
	User string   // "" is the container's
	Dir  string   // "" is the container's

	Streams

	// TTY gives the command a terminal. When In is a terminal, too, it is set to raw
	// mode for the time of the command and its size is followed; Err is not used then.
	TTY bool

	// Grace is the time between TERM and KILL when the context ends; 0 is ten seconds.
	Grace time.Duration
}

// execMark is in the environment of each command that Exec starts, so that the command
// and its children can be found inside the container.
const execMark = "DRYDOCK_EXEC"

// Exec runs a command in a running container. A code other than 0 is an *ExitError,
// whose text has the end of stderr.
//
// The engine has no call that ends a command. When ctx ends, Exec therefore runs a
// second one in the container that sends TERM, and after Grace KILL, to the first and
// its children. This needs a shell in the image; where there is none the command runs
// on until it notices that nobody reads from it, and the error says so.
func (c *Client) Exec(ctx context.Context, id string, cmd Command) error {
	if len(cmd.Cmd) == 0 {
		return &Error{Doing: "running a command in container " + short(id), Err: fmt.Errorf("no command was given")}
	}
	name := cmd.Cmd[0]
	mark := rand.Text()
	made, err := c.api.ContainerExecCreate(ctx, id, container.ExecOptions{
		Cmd: cmd.Cmd, Env: append([]string{execMark + "=" + mark}, cmd.Env...), User: cmd.User, WorkingDir: cmd.Dir,
		Tty: cmd.TTY, AttachStdin: cmd.In != nil, AttachStdout: true, AttachStderr: !cmd.TTY,
	})
	if err != nil {
		return c.fail(err, "running %s in container %s", name, short(id))
	}
	conn, err := c.api.ContainerExecAttach(ctx, made.ID, container.ExecAttachOptions{Tty: cmd.TTY})
	if err != nil {
		return c.fail(err, "running %s in container %s", name, short(id))
	}
	if cmd.TTY {
		restore, err := c.rawTerminal(ctx, made.ID, cmd.In)
		if err != nil {
			conn.Close()
			return c.fail(err, "preparing the terminal for %s", name)
		}
		defer restore()
	}
	tail := &tailBuffer{}
	p := pipe(conn, cmd.Streams, tail, cmd.TTY)
	defer p.close()

	if err := p.wait(ctx); err != nil {
		if ctx.Err() != nil {
			err = c.endExec(ctx, id, mark, cmd, p)
		}
		return c.fail(err, "running %s in container %s", name, short(id))
	}
	code, err := c.execCode(ctx, id, made.ID)
	if err != nil {
		if ctx.Err() != nil {
			err = c.endExec(ctx, id, mark, cmd, p)
		}
		return c.fail(err, "asking how %s in container %s ended", name, short(id))
	}
	if code != 0 {
		return &ExitError{What: name, Code: code, Tail: tail.String()}
	}
	return nil
}

// execCode waits until the command has ended and returns its code. The end of its output
// may be seen before its end: a command may close its output and go on, and the engine
// learns of the two in any order.
func (c *Client) execCode(ctx context.Context, id, execID string) (int, error) {
	in, err := c.api.ContainerExecInspect(ctx, execID)
	if err != nil || !in.Running {
		return in.ExitCode, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	died, failed := c.Events(ctx, EventFilter{
		Types: []string{"container"}, Actions: []string{"exec_die"}, Container: id, Since: everything,
	})
	for {
		in, err := c.api.ContainerExecInspect(ctx, execID)
		if err != nil || !in.Running {
			return in.ExitCode, err
		}
		select {
		case <-died:
			drain(died)
		case err := <-failed:
			return 0, err
		}
	}
}

// ExecOutput runs a command and returns what it wrote to stdout.
func (c *Client) ExecOutput(ctx context.Context, id string, cmd ...string) (string, error) {
	var out bytes.Buffer
	err := c.Exec(ctx, id, Command{Cmd: cmd, Streams: Streams{Out: &out}})
	return out.String(), err
}

// endScript finds the processes by the mark in their environment. It must run as the
// same user: /proc/PID/environ is readable for the owner only. KILL goes on until none is
// found, since a process may have started another one between the look and the signal.
const endScript = `i=0; while [ $i -lt 20 ]; do
  found=
  for d in /proc/[0-9]*; do
    p=${d#/proc/}
    [ "$p" != $$ ] && tr '\0' '\n' <"$d/environ" 2>/dev/null | grep -qxF "$1" && kill -"$2" "$p" 2>/dev/null && found=1
  done
  [ "$found" ] && [ "$2" = KILL ] || break
  i=$((i+1))
done; :`

// endExec ends the command of a context that has ended, and returns why.
func (c *Client) endExec(ctx context.Context, id, mark string, cmd Command, p *piped) error {
	cause := context.Cause(ctx)
	grace := cmd.Grace
	if grace <= 0 {
		grace = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace+cleanupTimeout)
	defer cancel()
	for _, step := range []struct {
		signal string
		wait   time.Duration
	}{{"TERM", grace}, {"KILL", 5 * time.Second}} {
		if err := c.signalMarked(ctx, id, mark, step.signal, cmd.User); err != nil {
			return fmt.Errorf("%w (the command may still be running: %w)", cause, err)
		}
		end := time.NewTimer(step.wait)
		select {
		case <-p.done:
			end.Stop()
			return cause
		case <-end.C:
		}
	}
	return fmt.Errorf("%w (the command did not end, not even by KILL)", cause)
}

func (c *Client) signalMarked(ctx context.Context, id, mark, signal, user string) error {
	made, err := c.api.ContainerExecCreate(ctx, id, container.ExecOptions{
		Cmd:  []string{"sh", "-c", endScript, "sh", execMark + "=" + mark, signal},
		User: user, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return err
	}
	conn, err := c.api.ContainerExecAttach(ctx, made.ID, container.ExecAttachOptions{})
	if err != nil {
		return err
	}
	tail := &tailBuffer{}
	p := pipe(conn, Streams{Out: tail}, tail, false)
	defer p.close()
	if err := p.wait(ctx); err != nil {
		return err
	}
	code, err := c.execCode(ctx, id, made.ID)
	if err != nil {
		return err
	}
	if code != 0 {
		return fmt.Errorf("no shell to end it with: %s", strings.TrimSpace(tail.String()))
	}
	return nil
}
