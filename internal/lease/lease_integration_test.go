//go:build integration

package lease

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/run"
	"drydock/internal/testkit"
)

// Two who want one lease: the second is told of the first, by both of the ways to ask, and what the
// first does ends when its lease is taken away.
func TestALeaseHasOneHolder(t *testing.T) {
	e, name := testkit.Engine(t), testkit.Project(t, "lease")+"-lock"
	spec := Spec{Name: name, Image: testkit.ShellImage(t), Labels: testkit.Labels(t), Holder: Me("ann", "drill", "")}
	h, err := Look(t.Context(), e, name)
	require.NoError(t, err)
	require.Nil(t, h)
	l, dead, err := Take(t.Context(), e, spec)
	require.NoError(t, err)
	require.Nil(t, dead)
	second := spec
	second.Holder = Me("bob", "drill", "")
	_, _, err = Take(t.Context(), e, second)
	var held *HeldError
	require.ErrorAs(t, err, &held)
	assert.Equal(t, run.CodeBusy, run.Code(err))
	assert.Contains(t, err.Error(), "ann on ")
	h, err = Look(t.Context(), e, name)
	require.NoError(t, err)
	require.Equal(t, held.Holder, *h)

	ctx, stop := l.Guard(t.Context())
	defer stop(nil)
	require.NoError(t, e.Remove(t.Context(), l.Container))
	select {
	case <-ctx.Done():
		assert.ErrorIs(t, context.Cause(ctx), ErrLost)
	case <-time.After(20 * time.Second):
		t.Fatal("nobody noticed")
	}
	l.Release()
	l, _, err = Take(t.Context(), e, second)
	require.NoError(t, err)
	l.Release()
	h, err = Look(t.Context(), e, name)
	require.NoError(t, err)
	assert.Nil(t, h, "given back")
}

// A holder that died while the engine started its lock: the connection does not end, and nobody
// ever says a word.
func TestALockThatNobodySpeaksTo(t *testing.T) {
	t.Parallel()
	args := []string{"run", "--detach", "--interactive", "--tmpfs", "/tmp"}
	args = append(args, testkit.LabelOptions(t)...)
	docker := func(args ...string) string {
		t.Helper()
		out, err := run.Output(t.Context(), run.Cmd{Name: "docker", Args: args, Env: os.Environ()})
		require.NoError(t, err)
		return strings.TrimSpace(string(out))
	}
	begin := time.Now()
	id := docker(append(args, testkit.ShellImage(t), "sh", "-c", script, "sh", "3600", "3")...)
	assert.Equal(t, "1", docker("wait", id), "its exit code")
	assert.Less(t, time.Since(begin), 30*time.Second)
	assert.Contains(t, docker("logs", id), "locked")
}
