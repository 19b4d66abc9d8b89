//go:build integration

package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/testkit"
	"drydock/internal/testkit/runid"
)

func TestCopyToAndFromAContainer(t *testing.T) {
	c, ctx := testkit.Engine(t), t.Context()
	in := testkit.Container(t, engine.Spec{Cmd: []string{"sleep", "1h"}})
	archive, err := engine.Tar(
		engine.File{Name: "d/", Mode: 0o700, UID: 5, GID: 6},
		engine.File{Name: "d/f", Mode: 0o640, UID: 10001, GID: 42, Data: []byte("hello"), ModTime: time.Unix(1e9, 0)},
		engine.File{Name: "d/l", Link: "f"},
	)
	require.NoError(t, err)
	require.NoError(t, c.CopyTo(ctx, in.ID, "/tmp", archive))

	out, err := c.ExecOutput(ctx, in.ID, "/tiny", "stat", "/tmp/d", "/tmp/d/f")
	require.NoError(t, err)
	lines := strings.Split(out, "\n")
	assert.True(t, strings.HasPrefix(lines[0], "0700 5 6 "), out)
	assert.Equal(t, "0640 10001 42 5 /tmp/d/f", lines[1])

	data, err := c.ReadFile(ctx, in.ID, "/tmp/d/f")
	require.NoError(t, err)
	assert.Equal(t, "hello", string(data))
	r, err := c.CopyFrom(ctx, in.ID, "/tmp/d")
	require.NoError(t, err)
	files, err := engine.Untar(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Len(t, files, 3)
	assert.Equal(t, "d/", files[0].Name)
	assert.Equal(t, 42, files[1].GID)
	assert.Equal(t, "f", files[2].Link)

	_, err = c.ReadFile(ctx, in.ID, "/tmp/d")
	assert.ErrorContains(t, err, "no regular file")
	_, err = c.ReadFile(ctx, in.ID, "/nonexistent")
	require.ErrorIs(t, err, engine.ErrNotFound)
	require.ErrorIs(t, c.CopyTo(ctx, in.ID, "/nonexistent", strings.NewReader("")), engine.ErrNotFound)
}

// Secrets reach a service this way: readable for its user only, with nothing that has to
// be on the engine's machine (docker/compose 12362 and 13287: a bind-mounted file keeps
// the owner and mode of the checkout).
func TestAVolumeIsFilledWithoutStartingAnything(t *testing.T) {
	c, ctx := testkit.Engine(t), t.Context()
	image, v := testkit.TinyImage(t), testkit.Volume(t)
	archive, err := engine.Tar(
		engine.File{Name: "./", Mode: 0o550, UID: 0, GID: 10001},
		engine.File{Name: "db_password", Mode: 0o400, UID: 10001, GID: 10001, Data: []byte("pass__$85858#'x")},
	)
	require.NoError(t, err)
	require.NoError(t, c.WriteVolume(ctx, image, v.Name, archive))

	spec := engine.Spec{
		Cmd: []string{"cat", "/run/secrets/db_password"}, User: "10001:10001", ReadOnly: true, CapDrop: []string{"ALL"},
		Mounts: []engine.Mount{{Name: v.Name, Target: "/run/secrets", ReadOnly: true}},
	}
	assert.Equal(t, "pass__$85858#'x", string(testkit.Tiny(t, spec)))
	spec.Cmd = []string{"stat", "/run/secrets"}
	assert.True(t, strings.HasPrefix(string(testkit.Tiny(t, spec)), "0550 0 10001 "), string(testkit.Tiny(t, spec)))
	spec.Cmd, spec.User = []string{"cat", "/run/secrets/db_password"}, "10002:10002"
	spec.Name, spec.Image, spec.Labels = testkit.Name(t, "other"), image, testkit.Labels(t)
	err = c.RunOnce(ctx, spec, engine.Streams{})
	assert.ErrorContains(t, err, "permission denied", "another user may not read it")

	data, err := c.ReadVolumeFile(ctx, image, v.Name, "db_password")
	require.NoError(t, err)
	assert.Equal(t, "pass__$85858#'x", string(data))
	r, err := c.ReadVolume(ctx, image, v.Name, "")
	require.NoError(t, err)
	files, err := engine.Untar(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Len(t, files, 2)

	// What a service runs with is read out of it, too, whatever its root and its user allow.
	in := testkit.Container(t, engine.Spec{Cmd: []string{"sleep", "1h"}, User: "10001:10001", ReadOnly: true, CapDrop: []string{"ALL"}, Mounts: spec.Mounts})
	r, err = c.CopyFrom(ctx, in.ID, "/run/secrets")
	require.NoError(t, err)
	files, err = engine.Untar(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Len(t, files, 2)
	assert.Equal(t, "secrets/db_password", files[1].Name)
	assert.Equal(t, "pass__$85858#'x", string(files[1].Data))

	_, err = c.ReadVolumeFile(ctx, image, v.Name, "nothing")
	require.ErrorIs(t, err, engine.ErrNotFound)
	require.ErrorIs(t, c.WriteVolume(ctx, image, testkit.Name(t, "none"), strings.NewReader("")), engine.ErrNotFound)
	noScratch(t, c)
}

// noScratch checks that the containers of a copy are gone.
func noScratch(t *testing.T, c *engine.Client) {
	t.Helper()
	list, err := c.Containers(t.Context(), engine.Filter{Labels: map[string]string{engine.LabelScratch: "", testkit.Label: runid.ID()}})
	require.NoError(t, err)
	assert.Empty(t, list)
}
