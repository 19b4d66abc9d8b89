package run

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// SignalError is the cause of a context that was ended by a signal.
type SignalError struct{ Signal syscall.Signal }

// Error names the signal as people know it.
func (e *SignalError) Error() string {
	switch e.Signal {
	case syscall.SIGINT:
		return "interrupted (INT)"
	case syscall.SIGTERM:
		return "asked to end (TERM)"
	}
	return fmt.Sprintf("ended by signal %d", e.Signal)
}

// ExitCode is CodeInterrupted.
func (e *SignalError) ExitCode() int { return CodeInterrupted }

// Is makes the cause count as a cancellation wherever only that matters.
func (e *SignalError) Is(target error) bool { return target == context.Canceled }

// takeOver is how long after Context a competing handler may still be installed:
// mage starts a target's goroutine just before it listens for INT itself.
const takeOver = 100 * time.Millisecond

// Context returns a context that ends with the first INT or TERM; its cause is a
// *SignalError. The second signal ends this process and its children at once,
// without any cleaning up.
//
// It takes INT away from mage, which would end the process five seconds after the
// first one, in the middle of a cleaning-up that may need longer, and which does not
// listen for TERM at all. Call it once, as the first thing of a target, and call
// stop when the work is over.
func Context(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	got := make(chan os.Signal, 2)
	done := make(chan struct{})

	grab := func() {
		signal.Reset(syscall.SIGINT)
		signal.Notify(got, syscall.SIGINT, syscall.SIGTERM)
	}
	grab()
	go func() {
		again := time.NewTimer(takeOver)
		defer again.Stop()
		var first bool
		for {
			select {
			case <-done:
				return
			case <-again.C:
				grab()
			case s := <-got:
				sig, _ := s.(syscall.Signal)
				if first {
					killGroups()
					os.Exit(128 + int(sig))
				}
				first = true
				cancel(&SignalError{Signal: sig})
			}
		}
	}()
	var once sync.Once
	return ctx, func() {
		once.Do(func() {
			signal.Stop(got)
			close(done)
			cancel(context.Canceled)
		})
	}
}
