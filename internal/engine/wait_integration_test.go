//go:build integration

package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/testkit"
	"drydock/internal/testkit/runid"
)

// served is a tiny HTTP server with a quick health check and no network.
func served(flags ...string) engine.Spec {
	return engine.Spec{
		Cmd: append([]string{"serve"}, flags...),
		Health: &engine.HealthCheck{
			Cmd: []string{"/tiny", "healthcheck"}, Interval: 300 * time.Millisecond, Timeout: 5 * time.Second, Retries: 2,
		},
	}
}

func TestWaitHealthy(t *testing.T) {
	c := testkit.Engine(t)
	in, err := c.WaitHealthy(t.Context(), testkit.Start(t, served("-start-delay", "500ms")))
	require.NoError(t, err)
	assert.Equal(t, engine.Running, in.State)
	assert.Equal(t, engine.Healthy, in.Health)

	begin := time.Now()
	_, err = c.WaitHealthy(t.Context(), in.ID) // it is already: no event will come
	require.NoError(t, err)
	assert.Less(t, time.Since(begin), 10*time.Second)
}

func TestWaitHealthySaysWhyNot(t *testing.T) {
	c := testkit.Engine(t)
	for name, test := range map[string]struct {
		spec engine.Spec
		err  error
		text []string
	}{
		"unhealthy": {served("-unhealthy"), engine.ErrUnhealthy, []string{"last health check: exit code 1", "told to be unhealthy", "listening on :8080"}},
		"stopped":   {engine.Spec{Cmd: []string{"exit", "7", "last words"}, Health: served().Health}, engine.ErrStopped, []string{"exit code 7", "last words"}},
		"no check":  {engine.Spec{Cmd: []string{"serve"}}, engine.ErrNoHealthcheck, []string{"HEALTHCHECK"}},
		"crashes again and again": {
			engine.Spec{Cmd: []string{"exit", "9", "again"}, Health: served().Health, Restart: "always"},
			engine.ErrStopped, []string{"restarts", "exit code 9", "again"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := c.WaitHealthy(t.Context(), testkit.Start(t, test.spec))
			require.ErrorIs(t, err, test.err)
			var w *engine.WaitError
			require.ErrorAs(t, err, &w)
			for _, text := range test.text {
				assert.ErrorContains(t, err, text)
			}
		})
	}
}

func TestWaitForWhatIsNotThere(t *testing.T) {
	c := testkit.Engine(t)
	_, err := c.WaitHealthy(t.Context(), testkit.Name(t, "nobody"))
	require.ErrorIs(t, err, engine.ErrNotFound)
}

// Nothing may be missed between the beginning of a wait and the event: the container is
// started at about the same moment in which the wait begins, again and again.
func TestNoEventIsMissed(t *testing.T) {
	c := testkit.Engine(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for range 10 {
		spec := engine.Spec{Name: testkit.Name(t, "race"), Image: testkit.TinyImage(t), Labels: testkit.Labels(t), Cmd: []string{"exit", "3"}}
		id, err := c.Create(ctx, spec)
		require.NoError(t, err)
		started := make(chan error, 1)
		go func() { started <- c.Start(ctx, id) }()
		in, err := c.WaitExit(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, 3, in.ExitCode)
		require.NoError(t, <-started)
		require.NoError(t, c.Remove(ctx, id))
	}
}

func TestLifecycle(t *testing.T) {
	c, ctx := testkit.Engine(t), t.Context()
	in := testkit.Container(t, engine.Spec{Cmd: []string{"sleep", "1h"}})
	require.NoError(t, c.Pause(ctx, in.ID))
	in, err := c.Container(ctx, in.ID)
	require.NoError(t, err)
	assert.Equal(t, engine.Paused, in.State)
	require.NoError(t, c.Unpause(ctx, in.ID))

	require.NoError(t, c.Rename(ctx, in.ID, in.Name+"-2"))
	_, err = c.Container(ctx, in.Name)
	require.ErrorIs(t, err, engine.ErrNotFound)

	require.NoError(t, c.Stop(ctx, in.ID, 20*time.Second))
	in, err = c.WaitExit(ctx, in.ID)
	require.NoError(t, err)
	assert.Equal(t, 0, in.ExitCode, "it was asked to end, not killed")
	assert.False(t, in.Finished.IsZero())
	require.NoError(t, c.Stop(ctx, in.ID, 0), "a stopped container is no error")
	require.NoError(t, c.RestartContainer(ctx, in.ID, time.Second))
	require.NoError(t, c.Kill(ctx, in.ID, "KILL"))
	in, err = c.WaitExit(ctx, in.ID)
	require.NoError(t, err)
	assert.Equal(t, 137, in.ExitCode)

	require.NoError(t, c.Remove(ctx, in.ID))
	require.NoError(t, c.Remove(ctx, in.ID), "what is gone is no error")
	require.ErrorIs(t, c.Start(ctx, in.ID), engine.ErrNotFound)
}

func TestExactlyOneGetsAName(t *testing.T) {
	c := testkit.Engine(t)
	spec := engine.Spec{Name: testkit.Name(t, "lock"), Image: testkit.TinyImage(t), Labels: testkit.Labels(t), Cmd: []string{"exit", "0"}}
	results := make(chan error, 8)
	for range cap(results) {
		go func() {
			_, err := c.Create(t.Context(), spec)
			results <- err
		}()
	}
	won := 0
	for range cap(results) {
		if err := <-results; err == nil {
			won++
		} else {
			assert.ErrorIs(t, err, engine.ErrConflict)
		}
	}
	assert.Equal(t, 1, won)
}

func TestInspectSaysWhatWasAskedFor(t *testing.T) {
	c := testkit.Engine(t)
	n, v := testkit.Network(t, false), testkit.Volume(t)
	in := testkit.Container(t, engine.Spec{
		Cmd: []string{"sleep", "1h"}, Env: []string{"A=b"}, User: "10001:10001", Hostname: "h", ReadOnly: true, Restart: "unless-stopped",
		Tmpfs: map[string]string{"/tmp": "size=1m"}, Mounts: []engine.Mount{{Name: v.Name, Target: "/data", ReadOnly: true}},
		Attach:  []engine.Attach{{Network: n.Name, Aliases: []string{"alias"}}},
		Publish: []engine.Port{{Container: 8080, HostIP: "127.0.0.1"}}, CapDrop: []string{"ALL"}, NoNewPrivileges: true,
		Memory: 64 << 20, Pids: 50, Labels: map[string]string{"x": "y"},
	})
	assert.Equal(t, "10001:10001", in.User)
	assert.True(t, in.ReadOnly)
	assert.Equal(t, "unless-stopped", in.Restart)
	assert.Equal(t, []engine.Mount{{Type: "volume", Name: v.Name, Target: "/data", ReadOnly: true}, {Type: "tmpfs", Target: "/tmp"}}, in.Mounts)
	assert.Contains(t, in.Env, "A=b")
	assert.Equal(t, "y", in.Labels["x"])
	assert.Equal(t, testkit.TinyImage(t), in.Image)
	require.Len(t, in.Networks, 1)
	assert.Contains(t, in.Networks[0].Aliases, "alias")
	assert.True(t, n.Subnets[0].Contains(in.Networks[0].IP))
	at, ok := in.Published(8080)
	require.True(t, ok)
	assert.True(t, at.Addr().IsLoopback())
	assert.WithinDuration(t, time.Now(), in.Started, 5*time.Minute)

	list, err := c.Containers(t.Context(), engine.Filter{Labels: map[string]string{"x": "y", testkit.Label: runid.ID()}})
	require.NoError(t, err)
	require.Len(t, list, 1)
	assert.Equal(t, in, list[0])
	for _, f := range []engine.Filter{
		{Names: []string{in.Name}}, {Network: n.Name}, {Volume: v.Name},
		{Labels: map[string]string{testkit.LabelTest: t.Name(), testkit.Label: ""}, States: []engine.State{engine.Running}},
	} {
		list, err := c.Containers(t.Context(), f)
		require.NoError(t, err)
		require.Len(t, list, 1, "%+v", f)
	}
	list, err = c.Containers(t.Context(), engine.Filter{Names: []string{in.Name[:len(in.Name)-1]}})
	require.NoError(t, err)
	assert.Empty(t, list, "names are compared whole")

	stats, err := c.Stats(t.Context(), in.ID, "nobody")
	require.NoError(t, err)
	require.Contains(t, stats, in.ID)
	assert.Len(t, stats, 1)
	assert.EqualValues(t, 64<<20, stats[in.ID].MemoryLimit)
	assert.Positive(t, stats[in.ID].Memory)
	assert.Positive(t, stats[in.ID].Pids)

	require.NoError(t, c.Stop(t.Context(), in.ID, time.Second))
	stats, err = c.Stats(t.Context(), in.ID)
	require.NoError(t, err)
	assert.Empty(t, stats, "a stopped container uses nothing")
}
