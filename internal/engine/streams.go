package engine

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/pkg/stdcopy"
)

// piped is a hijacked connection with its streams being copied.
type piped struct {
	conn types.HijackedResponse
	done chan struct{} // closed when the command's output has ended
	err  error         // valid then
	once sync.Once
}

// pipe copies both directions. A nil writer still has to be read, or the command would
// block. The copying of stdin is not waited for: a Read from a terminal cannot be
// interrupted, and it ends with the process.
func pipe(conn types.HijackedResponse, s Streams, tail io.Writer, tty bool) *piped {
	p := &piped{conn: conn, done: make(chan struct{})}
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
		defer close(p.done)
		if tty {
			_, p.err = io.Copy(out, conn.Reader)
		} else {
			_, p.err = stdcopy.StdCopy(out, errw, conn.Reader)
		}
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
	case <-p.done:
		if p.err != nil && !errors.Is(p.err, io.EOF) {
			return p.err
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// close returns when nothing is written any more, so that the caller may look at what
// was; a writer that blocks is not waited for longer than a moment.
func (p *piped) close() {
	p.once.Do(func() {
		p.conn.Close()
		select {
		case <-p.done:
		case <-time.After(time.Second):
		}
	})
}

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
