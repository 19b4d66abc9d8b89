package run

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
)

// Error is a child that could not be started, failed, or was stopped because
// the context ended. It holds no arguments: they may contain secrets.
type Error struct {
	Step string   // Cmd.Step
	Name string   // Cmd.Name
	Code int      // the child's exit code; 128+n when signal n ended it; -1 when it never ran
	Tail []string // last lines of stderr, masked
	Err  error    // what os/exec or the context said

	canceled, missing bool
}

// Error says what ran, how it ended and what it said last.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Step != "" {
		b.WriteString(e.Step + ": ")
	}
	switch {
	case e.canceled:
		fmt.Fprintf(&b, "%s was stopped: %v", e.Name, e.Err)
		return b.String()
	case e.missing:
		fmt.Fprintf(&b, "%s cannot be started: %v; `go tool mage doctor` lists what is missing", e.Name, e.Err)
	case e.Code > 128:
		fmt.Fprintf(&b, "%s was ended by signal %d (%v)", e.Name, e.Code-128, syscall.Signal(e.Code-128))
	case e.Code > 0:
		fmt.Fprintf(&b, "%s ended with exit code %d", e.Name, e.Code)
	default:
		fmt.Fprintf(&b, "%s failed: %v", e.Name, e.Err)
	}
	for _, line := range e.Tail {
		b.WriteString("\n    " + line)
	}
	return b.String()
}

// Unwrap gives access to the context's cause, exec.ErrNotFound or *exec.ExitError.
func (e *Error) Unwrap() error { return e.Err }

// ExitCode maps the failure to one of Drydock's own codes. The child's code is in
// Code: passing it on would give the same number two meanings.
func (e *Error) ExitCode() int {
	switch {
	case e.canceled:
		return Code(e.Err)
	case e.missing:
		return CodeMissing
	}
	return CodeFailure
}

func exitCode(cmd *exec.Cmd, err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			return 128 + int(ws.Signal())
		}
		return exit.ExitCode()
	}
	if cmd.ProcessState != nil {
		return cmd.ProcessState.ExitCode()
	}
	return -1
}
