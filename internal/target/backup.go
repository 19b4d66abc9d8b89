package target

import (
	"context"
	"errors"
	"os"

	"drydock/internal/backup/configure"
	"drydock/internal/backup/remote"
	"drydock/internal/drill"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/stack"
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

// Configuration runs fn with the configuration of the environment. Of one that is restored
// no secret is needed: that is what comes back.
func Configuration(ctx context.Context, secrets bool, fn func(context.Context, *configure.Config) error) error {
	return Source(ctx, func(ctx context.Context, src env.Source) (err error) {
		src.Secretless = !secrets
		s, err := env.Load(src)
		if err != nil {
			return err
		}
		if secrets {
			defer func() { err = ended(ctx, s, err) }()
		}
		st, err := stack.Open(ctx, s, os.Stdin, os.Stdout, os.Stderr)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, st.Close()) }()
		return fn(ctx, &configure.Config{Stack: st, Out: os.Stdout, Err: os.Stderr,
			Remote: &remote.Remote{Settings: s, Engine: st.Engine, Out: os.Stdout, Err: os.Stderr}})
	})
}
