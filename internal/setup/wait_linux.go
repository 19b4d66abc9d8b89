package setup

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// waitForExit returns when the process is gone, when most has passed, or with the
// context's cause. pidfd_open(2) needs no right over the process; where the kernel
// is older than 5.3 only the time passes.
func waitForExit(ctx context.Context, pid int, most time.Duration) error {
	timer := time.NewTimer(most)
	defer timer.Stop()
	gone := make(chan struct{})
	if pid > 0 {
		fd, err := unix.PidfdOpen(pid, 0)
		switch {
		case errors.Is(err, unix.ESRCH):
			return context.Cause(ctx)
		case err == nil:
			go func() {
				defer func() { _ = unix.Close(fd) }()
				fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
				for deadline := time.Now().Add(most); time.Now().Before(deadline); {
					n, err := unix.Poll(fds, int(time.Until(deadline).Milliseconds())+1)
					if n > 0 {
						close(gone)
						return
					}
					if err != nil && !errors.Is(err, unix.EINTR) {
						return
					}
				}
			}()
		}
	}
	select {
	case <-gone:
	case <-timer.C:
	case <-ctx.Done():
	}
	return context.Cause(ctx)
}
