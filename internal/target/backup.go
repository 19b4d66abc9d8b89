package target

import (
	"context"
	"errors"
	"os"

	"drydock/internal/backup/remote"
	"drydock/internal/drill"
	"drydock/internal/engine"
	"drydock/internal/env"
)

// Backup runs fn with the backup service of the environment.
func Backup(ctx context.Context, fn func(context.Context, *remote.Remote) error) error {
	return Settings(ctx, func(ctx context.Context, s *env.Settings) (err error) {
		e, err := engine.OpenAs(ctx, s.Options.Host, s.Inherited())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, e.Close()) }()
		return fn(ctx, &remote.Remote{Settings: s, Engine: e, Out: os.Stdout, Err: os.Stderr})
	})
}

// Drill runs fn with the restore drill of the environment.
func Drill(ctx context.Context, fn func(context.Context, *drill.Drill) error) error {
	return Settings(ctx, func(ctx context.Context, s *env.Settings) (err error) {
		e, err := engine.OpenAs(ctx, s.Options.Host, s.Inherited())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, e.Close()) }()
		return fn(ctx, &drill.Drill{Settings: s, Engine: e, Out: os.Stdout, Err: os.Stderr})
	})
}
