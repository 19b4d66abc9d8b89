package supervisor

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"regexp"
	"syscall"
)

// errorLog passes on what nginx writes to its standard error. nginx puts whole addresses
// into its errors, so without it the secrets in queries that the access log masks would
// stand there.
type errorLog struct {
	write   *os.File
	drained chan struct{} // closed when nobody has the pipe any more
}

// newErrorLog begins to pass lines on to out.
func newErrorLog(out io.Writer) (*errorLog, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("making the pipe of nginx's errors: %w", err)
	}
	growPipe(r)
	l := &errorLog{write: w, drained: make(chan struct{})}
	go func() {
		defer close(l.drained)
		defer r.Close()
		in := bufio.NewReaderSize(r, 64<<10)
		for {
			line, err := in.ReadSlice('\n') // no error of nginx is longer than 2 kB
			if len(line) > 0 {
				_, _ = out.Write(maskQueries(line)) // a log that cannot be written stops nobody
			}
			if err != nil && err != bufio.ErrBufferFull {
				return
			}
		}
	}()
	return l, nil
}

// started is called once nginx has the pipe. nginx must not wait for a supervisor that
// hangs: it then loses the line. The flag belongs to the pipe and not to a process's
// descriptor, and os/exec clears it, so it is set afterwards.
func (l *errorLog) started() error {
	c, err := l.write.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	if err := c.Control(func(fd uintptr) { set = syscall.SetNonblock(int(fd), true) }); err != nil {
		return err
	}
	if set != nil {
		return set
	}
	return l.write.Close()
}

// giveUp is for a log that nobody will write to.
func (l *errorLog) giveUp() error {
	if l == nil {
		return nil
	}
	return l.write.Close()
}

// aboutRequest is what nginx adds to an error that has to do with a request.
var aboutRequest = regexp.MustCompile(`, client: `)

// query ends with what follows an address in an error of nginx, which does not escape
// quotes within it. A line that is too long is cut off anywhere.
var query = regexp.MustCompile(`\?\S*?(",|"?\n?$| HTTP/)`)

func maskQueries(line []byte) []byte {
	if !aboutRequest.Match(line) {
		return line
	}
	return query.ReplaceAll(line, []byte("?***$1"))
}
