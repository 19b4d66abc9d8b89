package target

import (
	"errors"
	"io/fs"
	"os"
	"os/signal"
	"syscall"
)

// survivePipes has a write to a closed pipe fail instead of ending the process: whoever reads
// (head, less) has seen enough, but a deploy must not be killed because of its narration.
// Ignoring the signal would do the same, and hand that down to every child.
func survivePipes() (stop func()) {
	never := make(chan os.Signal, 1)
	signal.Notify(never, syscall.SIGPIPE)
	return func() { signal.Stop(never) }
}

// unread says whether an error is only that nobody reads stdout any more.
func unread(err error) bool {
	if err == nil {
		return false
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range many.Unwrap() {
			if !unread(one) {
				return false
			}
		}
		return true
	}
	if at, ok := err.(*fs.PathError); ok { // one link of the chain at a time
		return at.Path == os.Stdout.Name() && errors.Is(at.Err, syscall.EPIPE)
	}
	return unread(errors.Unwrap(err))
}
