package target

import (
	"context"
	"errors"
	"os"
	"time"

	"drydock/internal/bench"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/setup"
)

// Bench measures the product beside its peers.
func Bench(ctx context.Context) error {
	return Source(ctx, func(ctx context.Context, src env.Source) (err error) {
		s, err := env.Load(src)
		if err != nil {
			return err
		}
		wrk, err := setup.EnsureWrk(ctx, setupOptions(s))
		if err != nil {
			return err
		}
		e, err := engine.OpenAs(ctx, s.Options.Host, s.Inherited())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, e.Close()) }()
		rows, err := bench.Gateway(ctx, bench.Options{Settings: s, Engine: e, Wrk: wrk, Err: os.Stderr, Rounds: 5, Each: 5 * time.Second})
		if err != nil {
			return err
		}
		more, err := bench.Deploys(ctx, bench.DeployOptions{Source: src, Engine: e, Err: os.Stderr, Rounds: 5})
		if err != nil {
			return err
		}
		rows = append(rows, more...)
		return bench.Write(os.Stdout, rows, s.Options.Format)
	})
}
