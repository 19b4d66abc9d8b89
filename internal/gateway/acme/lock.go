package acme

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lock waits until nobody else works in the store, in this process or another one: a
// restarted container can overlap with the one it replaces. The lock goes with the
// process; flock(2) belongs to the open file, which each caller has of its own.
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
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil // closing gives the lock back
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("locking %s: %w", f.Name(), err), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("waiting for %s, which another process holds: %w", f.Name(), ctx.Err()), f.Close())
		case <-tick.C:
		}
	}
}
