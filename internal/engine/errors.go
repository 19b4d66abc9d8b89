package engine

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/client"
)

// What an error of this package may be, for errors.Is.
var (
	// ErrNotFound is a container, image, volume or network that is not there.
	ErrNotFound = errors.New("not found")
	// ErrConflict is a name in use, or an object in a state that forbids the call.
	ErrConflict = errors.New("conflict")
	// ErrUnavailable is an engine that cannot be reached.
	ErrUnavailable = errors.New("engine unavailable")
)

// Error is a call that failed.
type Error struct {
	Doing string // what was attempted, beginning with a gerund
	Kind  error  // ErrNotFound, ErrConflict, ErrUnavailable or nil
	Err   error  // what the engine or the network said
	Next  string // what to do about it; may be empty
}

// Error is the whole story in one line.
func (e *Error) Error() string {
	text := e.Doing + ": " + cleaned(e.Err)
	if e.Next != "" {
		text += "; " + e.Next
	}
	return text
}

// Unwrap makes both the kind and the cause findable.
func (e *Error) Unwrap() []error {
	if e.Kind == nil {
		return []error{e.Err}
	}
	return []error{e.Kind, e.Err}
}

// ExitCode is 3 (a prerequisite is missing) without an engine, else 1. The numbers
// are those of package run.
func (e *Error) ExitCode() int {
	switch {
	case e.Kind == ErrUnavailable:
		return 3
	case errors.Is(e.Err, context.Canceled):
		return 130
	}
	return 1
}

// cleaned drops what the SDK puts before the engine's words, and of a call that was cut
// off the address, which helps nobody.
func cleaned(err error) string {
	text := err.Error()
	var call *url.Error
	if errors.As(err, &call) && errors.Is(call, context.Canceled) {
		text = strings.Replace(text, call.Error(), "interrupted", 1)
	}
	for _, prefix := range []string{"Error response from daemon: ", "Error: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}

// fail wraps an error of the SDK. An error that already tells its story (one of our
// own, from a nested call) only gets the new context around it.
func (c *Client) fail(err error, doing string, args ...any) error {
	if err == nil {
		return nil
	}
	e := &Error{Doing: fmt.Sprintf(doing, args...), Err: err}
	var inner *Error
	switch {
	case errors.As(err, &inner):
		e.Kind = inner.Kind
	case client.IsErrConnectionFailed(err):
		e.Kind = ErrUnavailable
		e.Next = c.unavailableNext()
	case errdefs.IsNotFound(err), goneMeanwhile(err):
		e.Kind = ErrNotFound
	case errdefs.IsConflict(err):
		e.Kind = ErrConflict
	}
	return e
}

// goneMeanwhile says whether the engine had found an image and then somebody else removed it:
// moby's image store has a plain error for that, which comes as an internal one.
func goneMeanwhile(err error) bool {
	return errdefs.IsInternal(err) && strings.Contains(err.Error(), "unrecognized image ID")
}
