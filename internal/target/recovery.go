package target

import (
	"context"
	"os"

	"drydock/internal/backup/recovery"
	"drydock/internal/backup/remote"
	"drydock/internal/stack"
)

// Restore restores what the options say: a physical backup by way of its files, a dump by the
// backup service.
func Restore(ctx context.Context) error {
	return Stack(ctx, func(ctx context.Context, s *stack.Stack) error {
		r := &recovery.Recovery{Stack: s, Out: os.Stdout, Err: os.Stderr}
		if physical, err := r.Wanted(ctx); err != nil {
			return err
		} else if physical {
			return r.Restore(ctx)
		}
		return (&remote.Remote{Settings: s.Settings, Engine: s.Engine, Out: os.Stdout, Err: os.Stderr}).Restore(ctx)
	})
}
