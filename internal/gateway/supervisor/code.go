package supervisor

import (
	"errors"

	"drydock/internal/gateway/render"
)

// The exit codes of the gateway command.
const (
	CodeOK          = 0
	CodeFailure     = 1  // it was tried and it failed, or what was asked for is not so
	CodeUsage       = 64 // an argument or a setting is wrong
	CodeUnavailable = 69 // the supervisor does not answer
	CodeRefused     = 75 // not now: for example a colour without members; nothing was changed
	CodeConfig      = 78 // nginx refuses the configuration
)

// coded is an error that is worth an exit code.
type coded struct {
	code int
	err  error
}

func (e *coded) Error() string { return e.err.Error() }
func (e *coded) Unwrap() error { return e.err }

// WithCode gives an error an exit code; nil stays nil.
func WithCode(code int, err error) error {
	if err == nil {
		return nil
	}
	return &coded{code, err}
}

// Code is the exit code that an error is worth.
func Code(err error) int {
	var c *coded
	var config *ConfigError
	var problems render.Problems
	switch {
	case err == nil:
		return CodeOK
	case errors.As(err, &c):
		return c.code
	case errors.As(err, &config):
		return CodeConfig
	case errors.As(err, &problems):
		return CodeUsage
	default:
		return CodeFailure
	}
}
