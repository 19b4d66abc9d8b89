package target

import (
	"context"
	"errors"
	"os"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/gateway"
)

// Gateway runs fn with the entrance of the environment.
func Gateway(ctx context.Context, fn func(context.Context, *gateway.Gateway) error) error {
	return Source(ctx, func(ctx context.Context, src env.Source) (err error) {
		s, err := env.Load(src)
		if err != nil {
			return err
		}
		c, err := engine.OpenAs(ctx, s.Options.Host, s.Inherited())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.Close()) }()
		return fn(ctx, &gateway.Gateway{Settings: s, Source: src, Engine: c, Out: os.Stdout, Err: os.Stderr})
	})
}
