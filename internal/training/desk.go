package training

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"drydock/internal/engine"
	"drydock/internal/gateway"
	"drydock/internal/run"
	"drydock/internal/stack"
)

// bench is the real desk.
type bench struct {
	*stack.Stack
	gateway *gateway.Gateway
}

// NewDesk is the desk of a stack, which it closes. The gateway's source lets nginx look at other
// environments, too, as its own targets do.
func NewDesk(s *stack.Stack, g *gateway.Gateway) Desk {
	quiet := *s
	quiet.Out = s.Err // what is started again is not this command's result
	g.Out = io.Discard
	return &bench{Stack: &quiet, gateway: g}
}

// Ready is the last door before something is broken.
func (b *bench) Ready(ctx context.Context) error {
	if !b.Engine.Local() {
		return run.WithCode(run.CodeBadInput, fmt.Errorf("exercises are for a stack on this machine, and the engine is %s; leave DOCKER_HOST out, or choose the docker context default", b.Engine.Host()))
	}
	report, err := b.Status(ctx)
	if err != nil {
		return err
	}
	for _, s := range report.Services {
		if s.State != string(engine.Running) || s.Health != "" && s.Health != string(engine.Healthy) {
			return run.WithCode(run.CodeMissing, fmt.Errorf("an exercise starts from a stack that is well, and %s is %s %s; start it: go tool mage up", s.Service, s.State, s.Health))
		}
	}
	if err := b.Board(ctx); err != nil {
		return run.WithCode(run.CodeMissing, fmt.Errorf("an exercise starts from a board that can be read: %w", err))
	}
	return nil
}

func (b *bench) one(ctx context.Context, service string) (engine.Container, error) {
	list, err := b.Engine.Containers(ctx, engine.OfService(b.Settings.Project, service, engine.Running))
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("looking for %s: it does not run", service)
	}
	if err != nil {
		return engine.Container{}, err
	}
	return list[0], nil
}

func (b *bench) exec(ctx context.Context, service string, c engine.Command) (string, error) {
	at, err := b.one(ctx, service)
	if err != nil {
		return "", err
	}
	var out, said bytes.Buffer
	c.Out, c.Err = &out, &said
	err = b.Engine.Exec(ctx, at.ID, c)
	var exit *engine.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%s in %s: %s", exit.What, service, strings.TrimSpace(said.String()))
	}
	return strings.TrimSpace(out.String()), err
}

// SQL is bounded: some exercises are about a table that answers nobody.
func (b *bench) SQL(ctx context.Context, query string) (string, error) {
	d := b.Settings.Database
	return b.exec(ctx, "db", engine.Command{
		Cmd: []string{"psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", d.User, "-d", d.Name},
		Env: []string{"PGOPTIONS=-c statement_timeout=30s -c lock_timeout=10s"}, Streams: engine.Streams{In: strings.NewReader(query)},
	})
}

func (b *bench) Shell(ctx context.Context, service, script string) (string, error) {
	return b.exec(ctx, service, engine.Command{Cmd: []string{"sh", "-c", script}})
}

func (b *bench) Backup(ctx context.Context, words ...string) (string, error) {
	return b.exec(ctx, "backup", engine.Command{Cmd: append([]string{"backup"}, words...)})
}

// boardTimeout is how long a visitor waits.
const boardTimeout = 5 * time.Second

// Board asks once; the words are those of a visitor.
func (b *bench) Board(ctx context.Context) error {
	wait, cancel := context.WithTimeout(ctx, boardTimeout)
	defer cancel()
	status, err := b.Ask(wait, "/api/notes")
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case wait.Err() != nil:
		return fmt.Errorf("it does not answer within %s", boardTimeout)
	case err != nil:
		return errors.New("nobody answers at the entrance")
	case status >= 400:
		return fmt.Errorf("it answers %d %s", status, http.StatusText(status))
	}
	return nil
}

// Nginx keeps the two apart: what nginx refuses, and what could not be asked.
func (b *bench) Nginx(ctx context.Context, load bool) (string, error) {
	act := b.gateway.Validate
	if load {
		act = b.gateway.Reload
	}
	err := act(ctx)
	if run.Code(err) == run.CodeBadInput {
		return err.Error(), nil
	}
	return "", err
}

// Up does nothing when nothing is to be done: it would build first.
func (b *bench) Up(ctx context.Context) error {
	if b.Ready(ctx) == nil {
		return nil
	}
	return b.Stack.Up(ctx)
}

// Tidy goes by the names that restores give, and by when they were made.
func (b *bench) Tidy(ctx context.Context, since time.Time) error {
	ours := engine.Filter{Labels: map[string]string{stack.LabelProject: b.Settings.Project}}
	made := func(name string, at time.Time) bool {
		return at.After(since) && (strings.HasPrefix(name, b.Settings.Project+"-restored-") || strings.HasPrefix(name, b.Settings.Project+"-db-before-"))
	}
	containers, err := b.Engine.Containers(ctx, ours)
	if err != nil {
		return err
	}
	for _, c := range containers {
		if made(c.Name, c.Created) {
			if err := b.Engine.Remove(ctx, c.ID); err != nil {
				return err
			}
		}
	}
	volumes, err := b.Engine.Volumes(ctx, ours)
	if err != nil {
		return err
	}
	for _, v := range volumes {
		// The engine notes whole seconds.
		if made(v.Name, v.Created.Add(time.Second)) {
			if err := b.Engine.RemoveVolume(ctx, v.Name); err != nil {
				return err
			}
		}
	}
	return nil
}
