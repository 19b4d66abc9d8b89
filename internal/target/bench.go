package target

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"drydock/internal/aside"
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
		deploys := bench.DeployOptions{Source: src, Engine: e, Err: os.Stderr, Rounds: 5}
		backups := deploys
		backups.Rounds = 3
		var rows []bench.Row
		for _, part := range []func() ([]bench.Row, error){
			func() ([]bench.Row, error) { return bench.Commands(ctx, deploys) },
			func() ([]bench.Row, error) {
				return bench.Gateway(ctx, bench.Options{Settings: s, Engine: e, Wrk: wrk, Err: os.Stderr, Rounds: 5, Each: 5 * time.Second})
			},
			func() ([]bench.Row, error) { return bench.Deploys(ctx, deploys) },
			func() ([]bench.Row, error) { return bench.Backups(ctx, backups) },
		} {
			more, err := part()
			if err != nil {
				return err
			}
			rows = append(rows, more...)
		}
		in, err := e.Info(ctx)
		if err != nil {
			return err
		}
		err = aside.Write(s.Path(filepath.Join("docs", "benchmarks.md")), 0o644, func(w io.Writer) error { return bench.Page(w, rows, in, time.Now()) })
		if err != nil {
			return fmt.Errorf("writing docs/benchmarks.md: %w", err)
		}
		return bench.Write(os.Stdout, rows, s.Options.Format)
	})
}
