//go:build unix && !linux

package run

import "syscall"

// procAttr puts the child into a group of its own, so that a Ctrl-C reaches it
// through us only, once. Other systems than Linux have no parent-death signal.
func procAttr(interactive bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: !interactive}
}
