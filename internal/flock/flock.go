// Package flock owns flock(2): a lock on an open file or folder that the kernel gives back when the
// file is closed, or when its process ends in any way. It belongs to the open file, so that two callers
// in one process keep each other out as two processes do, and programs that are started do not inherit it.
// What a lock means, and how long one may wait for it, its callers know.
package flock

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Mode says whom a lock keeps out.
type Mode int

// The modes of flock(2).
const (
	Shared    Mode = unix.LOCK_SH // who wants it Exclusive
	Exclusive Mode = unix.LOCK_EX // everybody else
)

// Wait takes the lock as soon as nobody keeps it from that.
func Wait(f *os.File, how Mode) error { return flock(f, int(how)) }

// Try takes the lock unless somebody keeps it from that.
func Try(f *os.File, how Mode) (held bool, err error) {
	err = flock(f, int(how)|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// flock goes on after a signal: Go's runtime sends itself some (EINTR in signal(7)).
func flock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how)
		if !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("flock", err)
		}
	}
}
