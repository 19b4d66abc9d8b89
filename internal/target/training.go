package target

import (
	"context"
	"os"
	"strings"

	"drydock/internal/env"
	"drydock/internal/gateway"
	"drydock/internal/stack"
	"drydock/internal/training"
)

// Training runs fn with the exercises on the dev stack. Other environments are refused
// before their settings are read: what is wrong with those is not what to say then.
func Training(ctx context.Context, fn func(context.Context, *training.Training) error) error {
	return Source(ctx, func(ctx context.Context, src env.Source) error {
		if err := training.Refuse(environment(src)); err != nil {
			return err
		}
		s, err := env.Load(src)
		if err != nil {
			return err
		}
		return fn(ctx, &training.Training{Settings: s, Out: os.Stdout, Err: os.Stderr, Open: func(ctx context.Context) (training.Desk, error) {
			st, err := stack.Open(ctx, s, os.Stdin, os.Stdout, os.Stderr)
			if err != nil {
				return nil, err
			}
			return training.NewDesk(st, &gateway.Gateway{Settings: s, Source: src, Engine: st.Engine, Out: os.Stdout, Err: os.Stderr}), nil
		}})
	})
}

// environment is the value of ENV in the process environment; "" where there is none.
func environment(src env.Source) string {
	for _, kv := range src.Environ {
		if v, ok := strings.CutPrefix(kv, "ENV="); ok {
			return v
		}
	}
	return src.Env
}
