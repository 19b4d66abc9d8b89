package compose

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"drydock/internal/run"
)

// Failure is something that compose was to do with a project, and that failed.
type Failure struct {
	Doing    string // starting, stopping, ...
	Project  string
	Services []string  // those it was about; none: all
	Began    time.Time // by this machine's clock
	Err      error
}

// Error says what failed and what was said last.
func (f *Failure) Error() string {
	return fmt.Sprintf("%s the compose project %s: %v", f.Doing, f.Project, f.Err)
}

// Unwrap gives access to the cause.
func (f *Failure) Unwrap() error { return f.Err }

// progress is a line of compose's display: what an object is now.
var progress = regexp.MustCompile(`^\s*(\[\+\] |✔ |✘ |(Container|Network|Volume|Image|Service) \S+ +[A-Z])`)

// withoutProgress leaves of what compose said last what is no display: that was on the screen
// already, and is no reason.
func withoutProgress(err error) error {
	var e *run.Error
	if !errors.As(err, &e) {
		return err
	}
	short := *e
	short.Tail = slices.DeleteFunc(slices.Clone(e.Tail), progress.MatchString)
	return &short
}
