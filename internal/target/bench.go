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
	"drydock/internal/image"
	"drydock/internal/setup"
)

// Bench measures the product beside its peers. It fails, with everything written, when a bound of
// a ratio was not kept.
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
		entrance := bench.Options{Settings: s, Engine: e, Wrk: wrk, Err: os.Stderr, Rounds: bench.Rounds, Each: 5 * time.Second}
		deploys := bench.DeployOptions{Source: src, Engine: e, Err: os.Stderr, Rounds: bench.Rounds}
		backups := deploys
		backups.Rounds = bench.BackupRounds
		// What is measured is what is here now: an hour later something else may be checked out. What
		// VERSION says names no commit.
		version, err := image.ReadVersion(ctx, s.Root, "", s.Inherited())
		if err != nil {
			return err
		}
		head := bench.Head{Commit: version.Tag}
		if head.Tools, err = bench.Versions(ctx, entrance); err != nil {
			return err
		}
		var rows []bench.Row
		for _, part := range []func() ([]bench.Row, error){
			func() ([]bench.Row, error) { return bench.Commands(ctx, deploys) },
			func() ([]bench.Row, error) { return bench.Cold(ctx, deploys, s) },
			func() ([]bench.Row, error) { return bench.Gateway(ctx, entrance) },
			func() ([]bench.Row, error) { return bench.Deploys(ctx, deploys) },
			func() ([]bench.Row, error) { return bench.Backups(ctx, backups) },
		} {
			more, err := part()
			if err != nil {
				return err
			}
			rows = append(rows, more...)
		}
		if head.Engine, err = e.Info(ctx); err != nil {
			return err
		}
		head.At = time.Now()
		rows, unkept := bench.Judge(rows)
		err = aside.Write(s.Path(filepath.Join("docs", "benchmarks.md")), 0o644, func(w io.Writer) error { return bench.Page(w, rows, head) })
		if err != nil {
			err = fmt.Errorf("writing docs/benchmarks.md: %w", err)
		}
		// What took an hour to measure is told in any case.
		return errors.Join(err, bench.Write(os.Stdout, rows, s.Options.Format), unkept)
	})
}
