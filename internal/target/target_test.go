package target

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/magefile/mage/mg"
	"github.com/stretchr/testify/assert"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/run"
	"drydock/internal/stack"
)

// What mage ends with is the code that mg.ExitStatus reads from the outermost error.
func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, run.CodeOK},
		{errors.New("it failed"), run.CodeFailure},
		{fmt.Errorf("loading: %w", &env.Problems{Env: "dev"}), run.CodeBadInput},
		{fmt.Errorf("opening: %w", &engine.Error{Doing: "opening", Kind: engine.ErrUnavailable}), run.CodeMissing},
		{fmt.Errorf("starting: %w", &stack.PortsTaken{}), run.CodeBusy},
		{fmt.Errorf("waiting: %w", context.Canceled), run.CodeInterrupted},
	} {
		assert.Equal(t, c.want, mg.ExitStatus(Exit(c.err)), "%v", c.err)
	}
}

// Only a closed stdout is passed over: a connection that breaks, or a failure beside it, is told.
func TestNobodyReadsOn(t *testing.T) {
	closed := &fs.PathError{Op: "write", Path: os.Stdout.Name(), Err: syscall.EPIPE}
	assert.True(t, unread(closed))
	assert.True(t, unread(fmt.Errorf("writing the list: %w", closed)))
	assert.True(t, unread(errors.Join(nil, closed)))
	for _, err := range []error{
		nil, syscall.EPIPE, errors.New("it failed"), errors.Join(errors.New("it failed"), closed),
		&fs.PathError{Op: "write", Path: "/tmp/x", Err: syscall.EPIPE}, &fs.PathError{Op: "write", Path: os.Stdout.Name(), Err: syscall.ENOSPC},
	} {
		assert.False(t, unread(err), "%v", err)
	}
}

// A time that says two things, or none, is refused before anything is looked at.
func TestCheckTime(t *testing.T) {
	for at, good := range map[string]bool{
		"": true, "latest": true, "2026-01-31 12:00:00+08": true, "2026-01-31T04:00:00Z": true,
		"yesterday": false, "2026-01-31 12:00:00": false, "Latest": false,
	} {
		err := checkTime(at)
		assert.Equal(t, good, err == nil, "%q: %v", at, err)
		if !good {
			assert.Equal(t, run.CodeBadInput, run.Code(err))
			assert.ErrorContains(t, err, "with its offset from UTC")
		}
	}
}
