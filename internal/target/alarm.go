package target

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"drydock/internal/env"
	"drydock/internal/run"
	"drydock/internal/stack"
	"drydock/internal/watch"
)

// Watch runs fn with what looks at the environment and tells what is wrong.
func Watch(ctx context.Context, fn func(context.Context, *watch.Watch) error) error {
	return Settings(ctx, func(ctx context.Context, s *env.Settings) error { return fn(ctx, watching(s)) })
}

func watching(s *env.Settings) *watch.Watch {
	return &watch.Watch{Settings: s, Out: os.Stdout, Err: os.Stderr, Now: time.Now, Open: func(ctx context.Context) (*stack.Stack, error) {
		return stack.Open(ctx, s, os.Stdin, os.Stdout, os.Stderr)
	}}
}

// Failed tells that the run ALARM_RUN failed, when whoever ran it saw that: killed, or never begun, it
// could not say so itself.
func Failed(ctx context.Context) error {
	return Source(ctx, func(ctx context.Context, src env.Source) error {
		s, err := env.Load(src)
		if err != nil {
			return err
		}
		if s.Options.Run == "" {
			return run.WithCode(run.CodeBadInput, errors.New("alarm:failed needs the name of what failed: ALARM_RUN=backup:dump"))
		}
		return watching(s).Ended(ctx, s.Options.Run, errors.New("it failed, was killed, or could not begin"))
	})
}

// ended tells what a run came to that nobody looks at.
func ended(ctx context.Context, s *env.Settings, err error) error {
	if s.Options.Run == "" {
		return err
	}
	if tellErr := watching(s).Ended(ctx, s.Options.Run, err); tellErr != nil {
		return errors.Join(err, fmt.Errorf("telling what %s came to: %w", s.Options.Run, tellErr))
	}
	return err
}
