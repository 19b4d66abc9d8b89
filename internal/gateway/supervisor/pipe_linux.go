package supervisor

import (
	"os"

	"golang.org/x/sys/unix"
)

// pipeSize is asked for, so that nginx does not have to wait when this process is slow:
// some 20,000 requests. The kernel may give less.
const pipeSize = 1 << 20

func growPipe(f *os.File) {
	c, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = c.Control(func(fd uintptr) {
		_, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeSize) // the default is only smaller
	})
}
