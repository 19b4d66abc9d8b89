package target

import (
	"context"
	"errors"
	"os"

	"drydock/internal/env"
	"drydock/internal/run"
	"drydock/internal/stack"
)

// Settings runs fn with the settings of the environment that ENV names.
func Settings(ctx context.Context, fn func(context.Context, *env.Settings) error) error {
	return do(ctx, func(ctx context.Context) error {
		src, err := env.Process()
		if err != nil {
			return err
		}
		s, err := env.Load(src)
		if err != nil {
			return err
		}
		return ended(ctx, s, fn(ctx, s))
	})
}

// Source runs fn with where the settings come from, for targets that show them even when
// something is wrong with them.
func Source(ctx context.Context, fn func(context.Context, env.Source) error) error {
	return do(ctx, func(ctx context.Context) error {
		src, err := env.Process()
		if err != nil {
			return err
		}
		return fn(ctx, src)
	})
}

// Stack runs fn with the environment on its engine.
func Stack(ctx context.Context, fn func(context.Context, *stack.Stack) error) error {
	return Settings(ctx, func(ctx context.Context, s *env.Settings) (err error) {
		st, err := stack.Open(ctx, s, os.Stdin, os.Stdout, os.Stderr)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, st.Close()) }()
		return fn(ctx, st)
	})
}

// do ends the context with INT or TERM and maps the error to an exit code. That nobody reads
// the result to its end is no failure.
func do(ctx context.Context, fn func(context.Context) error) error {
	ctx, stop := run.Context(ctx)
	defer stop()
	defer survivePipes()()
	err := fn(ctx)
	if unread(err) {
		return nil
	}
	return Exit(err)
}

// Exit gives an error the exit code that mage ends with. It has to be the outermost:
// mage asks nothing that is wrapped.
func Exit(err error) error {
	if err == nil {
		return nil
	}
	return exit{err}
}

type exit struct{ error }

// ExitStatus is what mage looks for.
func (e exit) ExitStatus() int { return run.Code(e.error) }

func (e exit) Unwrap() error { return e.error }
