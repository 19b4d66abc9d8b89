package target

import (
	"context"
	"errors"
	"os"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/security"
)

// Security runs fn with the security check of the environment.
func Security(ctx context.Context, fn func(context.Context, *security.Check) error) error {
	return Settings(ctx, func(ctx context.Context, s *env.Settings) (err error) {
		e, err := engine.Open(ctx, s.Options.Host)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, e.Close()) }()
		return fn(ctx, &security.Check{Settings: s, Engine: e, Out: os.Stdout})
	})
}
