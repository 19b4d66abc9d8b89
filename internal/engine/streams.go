package engine

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/pkg/stdcopy"
)

// piped is a hijacked connection with its streams being copied.
type piped struct {
	conn   types.HijackedResponse
	output chan error // yields once, when the command's output has ended
	once   sync.Once
}

// pipe copies both directions. A nil writer still has to be read, or the command would
// block. The copying of stdin is not waited for: a Read from a terminal cannot be
// interrupted, and it ends with the process.
func pipe(conn types.HijackedResponse, s Streams, tail io.Writer, tty bool) *piped {
	p := &piped{conn: conn, output: make(chan error, 1)}
	out, errw := s.Out, s.Err
	if out == nil {
		out = io.Discard
	}
	if errw == nil {
		errw = tail
	} else {
		errw = io.MultiWriter(errw, tail)
	}
	go func() {
		var err error
		if tty {
			_, err = io.Copy(out, conn.Reader)
		} else {
			_, err = stdcopy.StdCopy(out, errw, conn.Reader)
		}
		p.output <- err
	}()
	if s.In != nil {
		go func() {
			_, _ = io.Copy(conn.Conn, s.In) // a command may end without reading all of it
			_ = conn.CloseWrite()
		}()
	}
	return p
}

// wait returns when the output has ended, or with ctx.
func (p *piped) wait(ctx context.Context) error {
	select {
	case err := <-p.output:
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *piped) close() { p.once.Do(p.conn.Close) }

// tailBuffer keeps the end of a stream for an error message.
type tailBuffer struct {
	mu  sync.Mutex
	buf []byte
}

const tailMax = 2048

func (t *tailBuffer) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if over := len(t.buf) - tailMax; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(b), nil
}

func (t *tailBuffer) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}
