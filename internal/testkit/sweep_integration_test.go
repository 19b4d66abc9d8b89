//go:build integration

package testkit

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/testkit/runid"
)

// another returns the run id of another process of this machine, and ends it on demand.
func another(t *testing.T) (id string, crash func()) {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	require.NoError(t, cmd.Start())
	id = runid.Of(cmd.Process.Pid)
	require.NotEmpty(t, id)
	crash = func() {
		_ = cmd.Process.Kill() // may be called twice
		_ = cmd.Wait()         // killed
	}
	t.Cleanup(crash)
	return id, crash
}

// What a killed test leaves behind goes when the next one starts; what belongs to a
// process that runs stays (wowu/docker-rollout 25: killed tools left containers that
// piled up).
func TestLeftoversOfACrashAreRemoved(t *testing.T) {
	c, ctx := Engine(t), t.Context()
	image := TinyImage(t)
	type run struct{ id, project, container, composed, network, volume string }
	make := func(id string) run {
		labels := map[string]string{Label: id}
		r := run{id: id, project: Name(t, "project"), network: Name(t, "net"), volume: Name(t, "vol")}
		t.Cleanup(func() { _ = sweepRun(t.Context(), c, id) }) // when the test itself fails half-way
		var err error
		_, err = c.EnsureNetwork(ctx, engine.NetworkSpec{Name: r.network, Labels: labels})
		require.NoError(t, err)
		_, err = c.EnsureVolume(ctx, r.volume, labels)
		require.NoError(t, err)
		r.container, err = c.Create(ctx, engine.Spec{
			Image: image, Cmd: []string{"stubborn", "1h"}, Labels: labels,
			Attach: []engine.Attach{{Network: r.network}}, Mounts: []engine.Mount{{Name: r.volume, Target: "/v"}},
		})
		require.NoError(t, err)
		require.NoError(t, c.Start(ctx, r.container))
		_, err = c.EnsureVolume(ctx, r.project+"-testkit", map[string]string{Label: id, labelProject: r.project})
		require.NoError(t, err)
		r.composed, err = c.Create(ctx, engine.Spec{
			Image: image, Cmd: []string{"sleep", "1h"}, Labels: map[string]string{"com.docker.compose.project": r.project + "-blue"},
		})
		require.NoError(t, err)
		return r
	}
	oneID, crash := another(t)
	twoID, end := another(t)
	one, two := make(oneID), make(twoID)
	crash()
	require.NoError(t, sweep(ctx, c, t.Logf))

	for _, id := range []string{one.container, one.composed} {
		_, err := c.Container(ctx, id)
		assert.ErrorIs(t, err, engine.ErrNotFound)
	}
	_, err := c.Network(ctx, one.network)
	assert.ErrorIs(t, err, engine.ErrNotFound)
	for _, v := range []string{one.volume, one.project + "-testkit"} {
		_, err = c.Volume(ctx, v)
		assert.ErrorIs(t, err, engine.ErrNotFound)
	}
	for _, id := range []string{two.container, two.composed} {
		_, err := c.Container(ctx, id)
		assert.NoError(t, err, "its process runs")
	}
	end()
	require.NoError(t, sweep(ctx, c, t.Logf))
	_, err = c.Container(ctx, two.composed)
	assert.ErrorIs(t, err, engine.ErrNotFound)
}

// failedTest is a test that has failed and keeps what it logs.
type failedTest struct {
	testing.TB
	log strings.Builder
}

func (f *failedTest) Failed() bool { return true }
func (f *failedTest) Helper()      {}
func (f *failedTest) Logf(format string, args ...any) {
	fmt.Fprintf(&f.log, format+"\n", args...)
}

func TestAFailedTestShowsTheLogsOfItsContainers(t *testing.T) {
	c := Engine(t)
	id := Start(t, engine.Spec{Name: "talker", Cmd: []string{"exit", "5", "why it failed"}})
	_, err := c.WaitExit(t.Context(), id)
	require.NoError(t, err)
	f := &failedTest{TB: t}
	clean(f, c, map[string]string{Label: runid.ID(), LabelTest: t.Name()})
	assert.Contains(t, f.log.String(), "why it failed")
	assert.Contains(t, f.log.String(), "exit code 5")
	assert.Contains(t, f.log.String(), "ddt-talker-")
	_, err = c.Container(t.Context(), id)
	assert.ErrorIs(t, err, engine.ErrNotFound)
}

func TestAProjectGoesWithItsTest(t *testing.T) {
	c := Engine(t)
	var name string
	var ids []string
	t.Run("the test", func(t *testing.T) {
		name = Project(t, "Some Project")
		for _, labels := range projectLabels(name) {
			id, err := c.Create(t.Context(), engine.Spec{Image: TinyImage(t), Cmd: []string{"sleep", "1h"}, Labels: labels})
			require.NoError(t, err)
			ids = append(ids, id)
		}
		_, err := c.EnsureVolume(t.Context(), name+"-db", map[string]string{"drydock.project": name})
		require.NoError(t, err)
	})
	require.Len(t, ids, 4)
	for _, id := range ids {
		_, err := c.Container(t.Context(), id)
		assert.ErrorIs(t, err, engine.ErrNotFound)
	}
	for _, v := range []string{"-db", "-testkit"} {
		_, err := c.Volume(t.Context(), name+v)
		assert.ErrorIs(t, err, engine.ErrNotFound)
	}
}

func TestFaults(t *testing.T) {
	c := Engine(t)
	in := Container(t, engine.Spec{Cmd: []string{"sleep", "1h"}, Restart: "always"})
	resume := Pause(t, in.ID)
	resume()
	resume()
	Signal(t, in.ID, "STOP")
	Signal(t, in.ID, "CONT")
	Crash(t, in.ID)
	in, err := c.WaitFor(t.Context(), in.ID, "restarted", func(in engine.Container) (bool, error) {
		return in.Restarts > 0 && in.State == engine.Running, nil
	})
	require.NoError(t, err)
	Kill(t, in.ID)
	in, err = c.WaitExit(t.Context(), in.ID)
	require.NoError(t, err)
	assert.Equal(t, 137, in.ExitCode)
}
