//go:build integration

package engine_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/testkit"
	"drydock/internal/testkit/runid"
)

func once(t *testing.T, cmd ...string) engine.Spec {
	t.Helper()
	return engine.Spec{Name: testkit.Name(t, "once"), Image: testkit.TinyImage(t), Labels: testkit.Labels(t), Cmd: cmd}
}

func mine(t *testing.T) engine.Filter {
	return engine.Filter{Labels: map[string]string{testkit.LabelTest: t.Name(), testkit.Label: runid.ID()}}
}

func TestRunOnce(t *testing.T) {
	c, ctx := testkit.Engine(t), t.Context()
	var out bytes.Buffer
	text := strings.Repeat("0123456789", 100_000)
	require.NoError(t, c.RunOnce(ctx, once(t, "stdin"), engine.Streams{In: strings.NewReader(text), Out: &out}))
	assert.Equal(t, text, out.String())

	out.Reset()
	spec := once(t, "id")
	spec.User, spec.ReadOnly, spec.CapDrop, spec.NoNewPrivileges = "999:998", true, []string{"ALL"}, true
	require.NoError(t, c.RunOnce(ctx, spec, engine.Streams{Out: &out}))
	assert.Equal(t, "999:998\n", out.String())

	err := c.RunOnce(ctx, once(t, "exit", "9", "last words"), engine.Streams{})
	var exit *engine.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 9, exit.Code)
	assert.ErrorContains(t, err, "last words")

	spec = once(t, "mem", "200")
	spec.Memory = 32 << 20
	err = c.RunOnce(ctx, spec, engine.Streams{})
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 137, exit.Code)
	assert.ErrorContains(t, err, "memory")

	spec = once(t)
	spec.Entrypoint = []string{"/no-such-program"}
	require.ErrorContains(t, c.RunOnce(ctx, spec, engine.Streams{}), "no-such-program")

	list, err := c.Containers(ctx, mine(t))
	require.NoError(t, err)
	assert.Empty(t, list, "each is removed, whatever happened")
}

func TestACanceledRunOnceMayEndPolitely(t *testing.T) {
	c := testkit.Engine(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	spec := once(t, "mem", "1")
	spec.StopTimeout = 20 * time.Second
	said := make(line, 10)
	done := make(chan error, 1)
	go func() { done <- c.RunOnce(ctx, spec, engine.Streams{Out: said}) }()
	require.Equal(t, "holding 1 MiB\n", said.next(t))
	cancel()
	err := <-done
	require.ErrorIs(t, err, context.Canceled)
	select {
	case text := <-said:
		assert.Equal(t, "released 1\n", text, "it could clean up")
	default:
		t.Error("it had no last words")
	}
	list, err := c.Containers(t.Context(), mine(t))
	require.NoError(t, err)
	assert.Empty(t, list)
}

func TestRemoveByLabel(t *testing.T) {
	c, ctx := testkit.Engine(t), t.Context()
	n, v := testkit.Network(t, true), testkit.Volume(t)
	testkit.Start(t, engine.Spec{
		Cmd: []string{"stubborn", "1h"}, Attach: []engine.Attach{{Network: n.Name}}, Mounts: []engine.Mount{{Name: v.Name, Target: "/v"}},
	})
	require.ErrorIs(t, c.RemoveVolume(ctx, v.Name), engine.ErrConflict)
	done, err := c.RemoveByLabel(ctx, mine(t).Labels, engine.RemoveOptions{KeepVolumes: true})
	require.NoError(t, err)
	assert.Equal(t, engine.Removed{Containers: 1, Networks: 1}, done)
	_, err = c.Volume(ctx, v.Name)
	require.NoError(t, err)
	done, err = c.RemoveByLabel(ctx, mine(t).Labels, engine.RemoveOptions{})
	require.NoError(t, err)
	assert.Equal(t, engine.Removed{Volumes: 1}, done)
	require.NoError(t, c.RemoveVolume(ctx, v.Name), "what is gone is no error")
	require.NoError(t, c.RemoveNetwork(ctx, n.Name))
}

func TestNetworks(t *testing.T) {
	c, ctx := testkit.Engine(t), t.Context()
	n := testkit.Network(t, true)
	again, err := c.EnsureNetwork(ctx, engine.NetworkSpec{Name: n.Name, Internal: true})
	require.NoError(t, err)
	assert.Equal(t, n, again)
	_, err = c.EnsureNetwork(ctx, engine.NetworkSpec{Name: n.Name})
	require.ErrorIs(t, err, engine.ErrConflict, "isolation is not silently something else")

	other := testkit.Network(t, false)
	in := testkit.Container(t, engine.Spec{
		Cmd: []string{"sleep", "1h"}, Attach: []engine.Attach{{Network: n.Name}, {Network: other.Name, Aliases: []string{"b"}}},
	})
	require.Len(t, in.Networks, 2)
	reconnect := testkit.Disconnect(t, other.Name, in.ID)
	in, err = c.Container(ctx, in.ID)
	require.NoError(t, err)
	require.Len(t, in.Networks, 1)
	reconnect()
	in, err = c.Container(ctx, in.ID)
	require.NoError(t, err)
	require.Len(t, in.Networks, 2)
	for _, e := range in.Networks {
		if e.Network == other.Name {
			assert.Contains(t, e.Aliases, "b")
		}
	}
	list, err := c.Networks(ctx, mine(t))
	require.NoError(t, err)
	assert.Len(t, list, 2)
}
