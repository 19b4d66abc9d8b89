package acme

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"drydock/internal/flock"
)

// lock waits until nobody else works in the store, in this process or another one: a
// restarted container can overlap with the one it replaces.
func (m *Manager) lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(m.o.Store, 0o755); err != nil {
		return nil, fmt.Errorf("making the folder for certificates: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(m.o.Store, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the folder for certificates: %w", err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		free, err := flock.Try(f, flock.Exclusive)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("locking %s: %w", f.Name(), err), f.Close())
		}
		if free {
			return func() { _ = f.Close() }, nil // closing gives the lock back
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("waiting for %s, which another process holds: %w", f.Name(), ctx.Err()), f.Close())
		case <-tick.C:
		}
	}
}
