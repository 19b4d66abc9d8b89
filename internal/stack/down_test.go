package stack

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/run"
)

// The data goes only when the project's name is typed, and Ctrl-C is an answer, too.
func TestRemovingTheDataIsAskedFor(t *testing.T) {
	ask := func(ctx context.Context, in io.Reader) (string, error) {
		var said bytes.Buffer
		s := &Stack{Settings: &env.Settings{Project: "shop"}, In: in, Err: &said}
		return said.String(), s.confirm(ctx)
	}
	for answer, yes := range map[string]bool{"shop\n": true, "shop": true, "  shop \r\n": true, "": false, "\n": false, "y\n": false, "yes\n": false, "shop2\n": false, "no\nshop\n": false} {
		_, err := ask(t.Context(), strings.NewReader(answer))
		if yes {
			assert.NoError(t, err, "%q", answer)
		} else {
			assert.Equal(t, run.CodeBadInput, run.Code(err), "%q", answer)
			assert.ErrorContains(t, err, "nothing was done", "%q", answer)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, w := io.Pipe() // somebody who does not answer
	defer w.Close()
	_, err := ask(ctx, r)
	assert.ErrorIs(t, err, context.Canceled)
}

// One name for two checkouts, or two environments, must not cost the other one's data.
func TestDataOfSomebodyElse(t *testing.T) {
	with := func(folder, environment string) []engine.Container {
		return []engine.Container{{Labels: map[string]string{}}, {Labels: map[string]string{labelFolder: folder, LabelEnv: environment}}}
	}
	assert.Empty(t, stranger(nil, "/a/compose", "dev"))
	assert.Empty(t, stranger(with("/a/compose", "dev"), "/a/compose", "dev"))
	assert.Equal(t, "it was started from /b/compose, and this is /a/compose", stranger(with("/b/compose", "dev"), "/a/compose", "dev"))
	assert.Equal(t, "it was started as environment prod, and this is dev", stranger(with("/a/compose", "prod"), "/a/compose", "dev"))
}
