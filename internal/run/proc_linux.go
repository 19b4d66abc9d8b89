package run

import "syscall"

// procAttr puts the child into a group of its own, so that a Ctrl-C reaches it
// through us only, once. On Linux the kernel tells it when we are killed.
func procAttr(interactive bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: !interactive, Pdeathsig: syscall.SIGTERM}
}
