package compose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"drydock/internal/aside"
	"drydock/internal/run"
)

// Runner calls `docker compose`.
type Runner struct {
	// Env is what the CLI needs of the world: PATH, HOME, DOCKER_HOST, ... The
	// project's own environment is added to it.
	Env []string
	// Folder keeps the generated files, one a project.
	Folder         string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Plain asks for lines instead of a moving display.
	Plain  bool
	Redact []string
	// CLI goes by way of the CLI, as people call it, though that takes longer.
	CLI bool
}

// UpOptions choose what Up does.
type UpOptions struct {
	Services []string      // none: all
	Timeout  time.Duration // how long a service may take to become healthy; 0: for ever
	Keep     bool          // what is there stays as it is, changed or not
	NoWait   bool          // return when everything is started, healthy or not; Timeout counts for nothing
}

func (o UpOptions) args() []string {
	args := []string{"up", "--detach"}
	if !o.NoWait {
		args = append(args, "--wait")
	}
	args = append(args, "--remove-orphans", "--no-build", "--pull", "never")
	if o.Timeout > 0 && !o.NoWait {
		args = append(args, "--wait-timeout", fmt.Sprint(int(o.Timeout.Seconds())))
	}
	if o.Keep {
		args = append(args, "--no-recreate")
	}
	return append(args, o.Services...)
}

// Up creates and starts what is missing, makes anew what has changed, leaves the rest
// alone, and returns when everything is healthy, unless it is told not to wait.
func (r *Runner) Up(ctx context.Context, p Project, o UpOptions) error {
	return r.call(ctx, p, "starting", o.args()...)
}

// Start starts services alone, without what they depend on, and does not wait.
func (r *Runner) Start(ctx context.Context, p Project, services ...string) error {
	args := []string{"up", "--detach", "--no-deps", "--no-build", "--pull", "never"}
	return r.call(ctx, p, "starting", append(args, services...)...)
}

// DownOptions choose what Down removes besides containers and networks.
type DownOptions struct{ Volumes bool }

// Down stops and removes the project's containers and networks.
func (r *Runner) Down(ctx context.Context, p Project, o DownOptions) error {
	args := []string{"down", "--remove-orphans"}
	if o.Volumes {
		args = append(args, "--volumes")
	}
	return r.call(ctx, p, "stopping", args...)
}

// RunOnce runs a service's one-shot command to its end in a container of its own, which
// is removed.
func (r *Runner) RunOnce(ctx context.Context, p Project, service string, command ...string) error {
	args := []string{"run", "--rm", "--no-deps", "--no-TTY", "--quiet-pull", service}
	return r.call(ctx, p, "running "+service+" of", append(args, command...)...)
}

// Config returns the project as compose resolves it, as YAML or what args ask for. It
// checks the files and touches nothing.
func (r *Runner) Config(ctx context.Context, p Project, args ...string) ([]byte, error) {
	cmd, err := r.command(p, append([]string{"config"}, args...))
	if err != nil {
		return nil, err
	}
	cmd.Stderr = r.Stderr
	out, err := run.Output(ctx, cmd)
	if err != nil {
		return nil, fmt.Errorf("resolving the compose project %s: %w", p.Name, err)
	}
	return out, nil
}

func (r *Runner) call(ctx context.Context, p Project, doing string, args ...string) error {
	cmd, err := r.command(p, args)
	if err != nil {
		return err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = r.Stdin, r.Stdout, r.Stderr
	began := time.Now()
	if err := run.Run(ctx, cmd); err != nil {
		return &Failure{Doing: doing, Project: p.Name, Began: began, Err: withoutProgress(err)}
	}
	return nil
}

func (r *Runner) command(p Project, args []string) (run.Cmd, error) {
	generated, err := r.generate(p)
	if err != nil {
		return run.Cmd{}, err
	}
	name, argv := "docker", []string{"compose"}
	if !r.CLI {
		name, argv = program(r.Env)
	}
	argv = append(argv, "--project-name", p.Name, "--project-directory", p.Dir)
	if r.Plain {
		argv = append(argv, "--progress", "plain")
	}
	for _, f := range append(slices.Clone(p.Files), generated...) {
		argv = append(argv, "--file", f)
	}
	return run.Cmd{
		Name: name,
		Args: append(argv, args...),
		Dir:  p.Dir,
		// Compose would read a .env of the working folder and one that this names; the
		// project's environment is complete without.
		Env:    append(without(r.Env, "COMPOSE_"), append(slices.Clone(p.Env), "COMPOSE_DISABLE_ENV_FILE=1")...),
		Redact: r.Redact,
		// Compose passes the end on to what it runs, and each service has a grace of its own.
		Grace: time.Minute,
	}, nil
}

// generate writes the generated file, aside and then in place, so that a second command
// never reads half of it. Compose keeps its path in labels only.
func (r *Runner) generate(p Project) ([]string, error) {
	if len(p.Override) == 0 {
		return nil, nil
	}
	path := filepath.Join(r.Folder, p.Name+".yaml")
	have, err := os.ReadFile(path)
	if err == nil && bytes.Equal(have, p.Override) {
		return []string{path}, nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("reading the generated compose file: %w", err)
	}
	if err := os.MkdirAll(r.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("writing the generated compose file: %w", err)
	}
	if err := aside.WriteBytes(path, 0o600, p.Override); err != nil {
		return nil, fmt.Errorf("writing the generated compose file: %w", err)
	}
	return []string{path}, nil
}

// without leaves out the variables that begin with a prefix.
func without(environ []string, prefix string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(kv string) bool { return strings.HasPrefix(kv, prefix) })
}
