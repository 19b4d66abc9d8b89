package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // the image has no zone files

	"drydock/backend/internal/config"
	"drydock/backend/internal/obs"
)

const usage = `usage:
  backend [serve]               serve; never migrates
  backend migrate up            apply the pending migrations
  backend migrate status        list all migrations (FORMAT=json for machines)
  backend migrate down-to N     undo every migration above N
  backend healthcheck           ask the running service
  backend version               print the version
`

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2 // wrong command or settings: trying again does not help
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	p := program{
		source: config.Source{Lookup: os.LookupEnv},
		stdout: os.Stdout,
		stderr: os.Stderr,
	}
	os.Exit(p.run(ctx, os.Args[1:]))
}

// program is the edge to the world; tests give it another one.
type program struct {
	source config.Source
	stdout io.Writer
	stderr io.Writer
}

// errUsage is answered with the usage text.
var errUsage = errors.New("no such command")

func (p program) run(ctx context.Context, args []string) int {
	err := p.dispatch(ctx, args)
	var problems config.Problems
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errUsage):
		fmt.Fprintf(p.stderr, "backend: %v\n%s", err, usage)
		return exitUsage
	case errors.As(err, &problems):
		fmt.Fprintln(p.stderr, err)
		return exitUsage
	default:
		fmt.Fprintf(p.stderr, "backend: %v\n", err)
		return exitFailed
	}
}

func (p program) dispatch(ctx context.Context, args []string) error {
	if len(args) == 0 {
		args = []string{"serve"}
	}
	command, rest := args[0], args[1:]
	switch {
	case command == "serve" && len(rest) == 0:
		return p.serve(ctx)
	case command == "migrate" && len(rest) > 0:
		return p.migrate(ctx, rest)
	case command == "healthcheck" && len(rest) == 0:
		return p.healthcheck(ctx)
	case command == "version" && len(rest) == 0:
		return p.version()
	case command == "help" || command == "-h" || command == "--help":
		_, err := io.WriteString(p.stdout, usage)
		return err
	default:
		return fmt.Errorf("%w: %q", errUsage, args)
	}
}

func (p program) version() error {
	v, ok := p.source.Lookup("APP_VERSION")
	if !ok || v == "" {
		v = config.UnknownVersion
	}
	b := obs.NewBuild(v, "")
	line := b.Version + " " + b.Go
	if b.Commit != "" {
		line += " " + b.Commit
	}
	_, err := fmt.Fprintln(p.stdout, line)
	return err
}
