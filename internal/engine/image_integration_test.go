//go:build integration

package engine_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/testkit"
)

func TestImages(t *testing.T) {
	c, ctx := testkit.Engine(t), t.Context()
	labels := testkit.Labels(t)
	labels["hard"] = "a\"b \\ $HOME ${X} 'c' #d é"
	name := testkit.Name(t, "image")
	rootfs, err := engine.Tar(engine.File{Name: "f", Mode: 0o644, Data: []byte(name)})
	require.NoError(t, err)
	id, err := c.Import(ctx, rootfs, engine.ImportOptions{
		Ref: name + ":one", Labels: labels,
		Changes: []string{`CMD ["/f"]`, "ENV A=b", "EXPOSE 8080", "USER 5:6", `HEALTHCHECK CMD ["/f"]`},
	})
	require.NoError(t, err)

	in, err := c.Image(ctx, name+":one")
	require.NoError(t, err)
	assert.Equal(t, id, in.ID)
	assert.Equal(t, labels["hard"], in.Labels["hard"])
	assert.Equal(t, []string{"/f"}, in.Cmd)
	assert.Contains(t, in.Env, "A=b")
	assert.Equal(t, []string{"8080/tcp"}, in.Ports)
	assert.Equal(t, "5:6", in.User)
	assert.True(t, in.HasCheck)
	assert.Len(t, in.Layers, 1)
	assert.Positive(t, in.Size)
	tiny, err := c.Image(ctx, testkit.TinyImage(t))
	require.NoError(t, err)
	assert.False(t, tiny.HasCheck)

	require.NoError(t, c.Tag(ctx, id, name+":two"))
	list, err := c.Images(ctx, engine.Filter{Names: []string{name}})
	require.NoError(t, err)
	require.Len(t, list, 1)
	assert.ElementsMatch(t, []string{name + ":one", name + ":two"}, list[0].Tags)
	history, err := c.History(ctx, id)
	require.NoError(t, err)
	assert.NotEmpty(t, history)

	r, err := c.Save(ctx, name+":one")
	require.NoError(t, err)
	saved, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.NoError(t, c.RemoveImage(ctx, name+":one"))
	there, err := c.HasImage(ctx, name+":two")
	require.NoError(t, err)
	assert.True(t, there, "the other name keeps the image")
	require.NoError(t, c.RemoveImage(ctx, name+":two"))
	require.NoError(t, c.RemoveImage(ctx, name+":two"), "what is gone is no error")
	there, err = c.HasImage(ctx, name+":one")
	require.NoError(t, err)
	assert.False(t, there)
	_, err = c.Image(ctx, name+":one")
	require.ErrorIs(t, err, engine.ErrNotFound)
	_, err = c.Create(ctx, engine.Spec{Image: name + ":one"})
	require.ErrorIs(t, err, engine.ErrNotFound)

	loaded, err := c.Load(ctx, bytes.NewReader(saved), nil)
	require.NoError(t, err)
	assert.Equal(t, []string{name + ":one"}, loaded)
	in, err = c.Image(ctx, name+":one")
	require.NoError(t, err)
	assert.Equal(t, id, in.ID)

	_, err = c.Load(ctx, bytes.NewReader(saved[:len(saved)/2]), nil)
	require.Error(t, err, "half an archive is no image")
	_, err = c.Save(ctx, name+":none")
	require.ErrorIs(t, err, engine.ErrNotFound)
}

func TestAnImageInUseStays(t *testing.T) {
	c := testkit.Engine(t)
	testkit.Start(t, engine.Spec{Cmd: []string{"sleep", "1h"}})
	in, err := c.Image(t.Context(), testkit.TinyImage(t))
	require.NoError(t, err)
	require.ErrorIs(t, c.RemoveImage(t.Context(), in.ID), engine.ErrConflict)
}
