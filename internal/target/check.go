package target

import (
	"context"
	"errors"
	"os"

	"drydock/internal/check"
	"drydock/internal/engine"
	"drydock/internal/env"
)

// Check runs fn with the project's own checks.
func Check(ctx context.Context, fn func(context.Context, *check.Checks) error) error {
	return Settings(ctx, func(ctx context.Context, s *env.Settings) error {
		return fn(ctx, &check.Checks{Settings: s, Out: os.Stdout, Err: os.Stderr})
	})
}

// CheckOnEngine is Check for what needs an engine.
func CheckOnEngine(ctx context.Context, fn func(context.Context, *check.Checks, *engine.Client) error) error {
	return Settings(ctx, func(ctx context.Context, s *env.Settings) (err error) {
		e, err := engine.OpenAs(ctx, s.Options.Host, s.Inherited())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, e.Close()) }()
		return fn(ctx, &check.Checks{Settings: s, Out: os.Stdout, Err: os.Stderr}, e)
	})
}
