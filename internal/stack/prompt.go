package stack

import (
	"context"
	"os"

	"golang.org/x/term"

	"drydock/internal/engine"
)

// Psql is a prompt on the database, or runs what comes from a pipe; args are psql's.
func (s *Stack) Psql(ctx context.Context, args ...string) error {
	d := s.Settings.Database
	// The socket inside the container trusts its own user, so no password is needed.
	cmd := append([]string{"psql", "--username", d.User, "--dbname", d.Name, "-v", "ON_ERROR_STOP=1"}, args...)
	return s.prompt(ctx, "db", cmd, len(args) > 0)
}

// Redis is a prompt on Redis, or runs one command.
func (s *Stack) Redis(ctx context.Context, args ...string) error {
	// The password goes through the environment of the one shell, not its arguments.
	script := `REDISCLI_AUTH="$(cat "$REDIS_PASSWORD_FILE")" exec redis-cli --no-auth-warning "$@"`
	return s.prompt(ctx, "redis", append([]string{"sh", "-c", script, "redis-cli"}, args...), len(args) > 0)
}

func (s *Stack) prompt(ctx context.Context, service string, cmd []string, oneShot bool) error {
	c, err := s.container(ctx, service)
	if err != nil {
		return err
	}
	return s.Engine.Exec(ctx, c.ID, engine.Command{
		Cmd:     cmd,
		Streams: engine.Streams{In: s.In, Out: s.Out, Err: s.Err},
		TTY:     !oneShot && terminal(s.In) && terminal(s.Out),
		Env:     []string{"TERM=xterm-256color"},
	})
}

func terminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
