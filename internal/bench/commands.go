package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"drydock/internal/compose"
	"drydock/internal/run"
	"drydock/internal/stack"
)

const idleScene = "nothing to do"

// What is compared when there is nothing to do. People call compose without --wait, too, which
// is over when what is there was looked at, healthy or not. Ours are whole commands: of the program
// that mage makes of the targets, and by way of mage, which first has Go look at each source file.
const (
	plainUp     = "docker compose up -d, both projects"
	waitedUp    = "docker compose up -d --wait, both projects"
	ourUp       = "up"
	ourBuild    = "build"
	ourUpByWay  = "go tool mage up"
	ourBuildWay = "go tool mage build"
)

const idleNote = "`up` and `build` are whole commands of the program that `go tool mage -compile` makes; by way of `go tool mage` Go looks at every source file first, whether that program is still right."

// bareMagefile is what somebody has who uses mage for something small.
const bareMagefile = `//go:build mage

package main

import "fmt"

// Hello says hello.
func Hello() { fmt.Println("hello") }
`

// Commands measures what a person waits for at the prompt: the list of targets beside that of
// a magefile with one target, and build and up with nothing to do beside compose's own.
func Commands(ctx context.Context, o DeployOptions) (rows []Row, err error) {
	const what = "measuring commands"
	dir := filepath.Join(o.Source.Root, ".drydock", "bench-mage")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.WriteFile(filepath.Join(dir, "magefile.go"), []byte(bareMagefile), 0o644); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	mage := func(args ...string) func(context.Context) error { return o.mage(o.Source.Environ, args...) }
	const bare, list = "a magefile with one target", "go tool mage -l"
	took, err := o.turns(ctx, "the list of targets", []measured{{name: bare, do: mage("-d", dir, "-l")}, {name: list, do: mage("-l")}})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	for _, name := range []string{bare, list} {
		rows = append(rows, row("the list of targets", name, "s", took[name], bare, took[bare]))
	}
	program := filepath.Join(dir, "drydock")
	if err := mage("-compile", program)(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	more, err := o.nothingToDo(ctx, program)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return append(rows, more...), nil
}

// mage is a command as a person gives it.
func (o DeployOptions) mage(environ []string, args ...string) func(context.Context) error {
	return o.command(environ, "go", append([]string{"tool", "mage"}, args...)...)
}

func (o DeployOptions) command(environ []string, name string, args ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		return run.Run(ctx, run.Cmd{Name: name, Args: args, Dir: o.Source.Root, Env: environ, Stdout: io.Discard, Stderr: io.Discard})
	}
}

// nothingToDo is about an environment that is up, and whose images are there; program is that of the targets.
func (o DeployOptions) nothingToDo(ctx context.Context, program string) (rows []Row, err error) {
	s, err := newScratchSite(o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.remove()) }()
	err = s.with(ctx, func(ctx context.Context, st *stack.Stack) error {
		st.Out, st.Err = io.Discard, io.Discard
		if err := st.Up(ctx); err != nil {
			return err
		}
		v, err := st.Values(ctx, compose.Blue)
		if err != nil {
			return err
		}
		both := func(o compose.UpOptions) func(context.Context) error {
			return func(ctx context.Context) error { return composeBoth(ctx, st, v, o) }
		}
		list := []measured{
			{name: plainUp, do: both(compose.UpOptions{NoWait: true})},
			{name: waitedUp, do: both(compose.UpOptions{Timeout: time.Minute})},
			{name: ourUp, do: o.command(s.versioned(), program, "up")},
			{name: ourUpByWay, do: o.mage(s.versioned(), "up")},
			{name: ourBuild, do: o.command(s.versioned(), program, "build")},
			{name: ourBuildWay, do: o.mage(s.versioned(), "build")},
		}
		took, err := o.turns(ctx, idleScene, list)
		if err != nil {
			return err
		}
		for _, m := range list {
			rows = append(rows, row(idleScene, m.name, "s", took[m.name], plainUp, took[plainUp]))
		}
		more, err := sizes(ctx, st, v.Refs)
		rows = append(rows, more...)
		return err
	})
	return rows, err
}

// turns measures each of some, one after the other, in rounds; the first round warms up.
func (o DeployOptions) turns(ctx context.Context, scene string, list []measured) (map[string]Sample, error) {
	took := map[string]Sample{}
	for round := range o.Rounds + 1 {
		for _, m := range list {
			_, _ = fmt.Fprintf(o.Err, "%s, round %d of %d: %s\n", scene, round, o.Rounds, m.name) // narration
			begin := time.Now()
			if err := m.do(ctx); err != nil {
				return nil, fmt.Errorf("%s: %w", m.name, err)
			}
			if round > 0 {
				took[m.name] = append(took[m.name], time.Since(begin).Seconds())
			}
		}
	}
	return took, nil
}
