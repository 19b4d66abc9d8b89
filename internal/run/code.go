package run

import (
	"context"
	"errors"
)

// The exit codes of every Drydock command. A script may rely on them.
const (
	CodeOK          = 0   // done
	CodeFailure     = 1   // it was tried and it failed
	CodeBadInput    = 2   // a setting or an argument is wrong; nothing was started
	CodeMissing     = 3   // a prerequisite is missing; `doctor` lists them with the fix
	CodeBusy        = 4   // something else holds the lock or the port
	CodeInterrupted = 130 // stopped by INT or TERM, after cleaning up
)

// Coder is an error that knows which exit code it is worth.
type Coder interface{ ExitCode() int }

// Code maps an error to an exit code. The outermost Coder decides; an error
// without one is an interruption if a canceled context caused it, else a failure.
func Code(err error) int {
	if err == nil {
		return CodeOK
	}
	var c Coder
	if errors.As(err, &c) {
		return c.ExitCode()
	}
	if errors.Is(err, context.Canceled) {
		return CodeInterrupted
	}
	return CodeFailure
}

// WithCode gives an error an exit code without changing its text. A nil error
// stays nil.
func WithCode(code int, err error) error {
	if err == nil {
		return nil
	}
	return &codedError{code: code, err: err}
}

type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }
func (e *codedError) ExitCode() int { return e.code }
