package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// openPipe makes the pipe that nginx writes to. It is opened for reading and writing:
// so nginx can open it at any time, and no end of file comes when nginx is away.
func openPipe(path string) (*os.File, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("making the pipe of requests: %w", err)
	}
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		return nil, fmt.Errorf("making the pipe of requests at %s: %w", path, err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the pipe of requests: %w", err)
	}
	growPipe(f)
	return f, nil
}
