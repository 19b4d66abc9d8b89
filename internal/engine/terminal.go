package engine

import (
	"context"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/docker/docker/api/types/container"
	"golang.org/x/term"
)

// rawTerminal sets the caller's terminal to raw mode, so that each key reaches the
// command, and keeps the command's terminal as large as the caller's. What is returned
// undoes both and may be called more than once. Without a terminal it does nothing.
func (c *Client) rawTerminal(ctx context.Context, execID string, in io.Reader) (restore func(), err error) {
	f, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func() {}, nil
	}
	fd := int(f.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if w, h, err := term.GetSize(fd); err == nil {
				// It fails while the command is not running yet or any more, and a wrong
				// size is no reason to end a session.
				_ = c.api.ContainerExecResize(ctx, execID, container.ResizeOptions{Width: uint(w), Height: uint(h)})
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	var once sync.Once
	return func() {
		once.Do(func() {
			signal.Stop(changed)
			cancel()
			<-done
			_ = term.Restore(fd, before) // there is nothing else to try
		})
	}, nil
}
