package target

import (
	"context"
	"fmt"
	"os"

	"drydock/internal/backup"
	"drydock/internal/backup/physical"
	"drydock/internal/backup/recovery"
	"drydock/internal/stack"
)

// Restore restores what the options say: a physical backup by way of its files, a dump by the
// backup service.
func Restore(ctx context.Context) error {
	return Stack(ctx, func(ctx context.Context, s *stack.Stack) error {
		// Before the engine is asked anything: a slip of the pen costs nothing.
		if err := checkTime(s.Settings.Options.At); err != nil {
			return err
		}
		r := &recovery.Recovery{Stack: s, Out: os.Stdout, Err: os.Stderr}
		if physical, err := r.Wanted(ctx); err != nil {
			return err
		} else if physical {
			return r.Restore(ctx)
		}
		return r.Dump(ctx)
	})
}

// checkTime refuses an AT that nobody can read.
func checkTime(at string) error {
	if at == "" || at == backup.Latest {
		return nil
	}
	if _, err := physical.ParseTime(at); err != nil {
		return fmt.Errorf("reading AT: %w", err)
	}
	return nil
}
