package run

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCode(t *testing.T) {
	plain := errors.New("x")
	for _, test := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{plain, 1},
		{WithCode(CodeBusy, nil), 0},
		{WithCode(CodeBadInput, plain), 2},
		{fmt.Errorf("deploying: %w", WithCode(CodeBusy, plain)), 4},
		{WithCode(CodeMissing, WithCode(CodeBusy, plain)), 3},
		{fmt.Errorf("waiting: %w", context.Canceled), 130},
		{context.DeadlineExceeded, 1},
		{fmt.Errorf("x: %w", &SignalError{Signal: syscall.SIGTERM}), 130},
		{&Error{Name: "go", missing: true, Err: plain}, 3},
		{&Error{Name: "go", Code: 2, Err: plain}, 1},
	} {
		assert.Equal(t, test.want, Code(test.err), "%v", test.err)
	}
	assert.ErrorIs(t, WithCode(CodeBusy, plain), plain)
	assert.ErrorIs(t, &SignalError{Signal: syscall.SIGINT}, context.Canceled)
}
