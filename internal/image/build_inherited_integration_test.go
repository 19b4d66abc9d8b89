//go:build integration

package image

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/testkit"
)

// basecamp/kamal 1655: leftovers of rebuilds fill the disk. Ours go; a stranger's stay,
// even one that was built on ours and so inherited its labels.
func TestBuildRemovesItsOwnLeftovers(t *testing.T) {
	s := newSite(t)
	s.settings.Image.Version = "v1"
	first := s.build(s.options())
	rootfs, err := engine.Tar(engine.File{Name: "x", Mode: 0o644, Data: []byte(s.settings.Image.Prefix)})
	require.NoError(t, err)
	stranger, err := s.engine.Import(t.Context(), rootfs, engine.ImportOptions{Labels: testkit.Labels(t)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.engine.RemoveImage(context.Background(), stranger)) })

	s.write("apps/one/a", "changed")
	require.NoError(t, s.engine.Tag(t.Context(), stranger, first.Ref)) // the first one loses its only name
	s.build(s.options())
	_, err = s.engine.Image(t.Context(), first.ID)
	require.ErrorIs(t, err, engine.ErrNotFound)
	_, err = s.engine.Image(t.Context(), stranger)
	require.NoError(t, err)

	// A stranger's image on top of ours, without a name.
	second := s.build(s.options())
	made, err := save(t.Context(), s.engine, second.Ref)
	require.NoError(t, err)
	defer made.Close()
	more := layerOf(tarOf(t, file{name: "theirs", data: s.settings.Image.Prefix}))
	onTop, err := withLayer(&made.content, more)
	require.NoError(t, err)
	var archive bytes.Buffer
	_, _, err = writeArchive(&archive, onTop, nil, nil)
	require.NoError(t, err)
	_, err = s.engine.Load(t.Context(), &archive, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.engine.RemoveImage(context.Background(), onTop.ID())) })
	s.write("apps/one/a", "changed again")
	require.True(t, s.build(s.options()).Built)
	_, err = s.engine.Image(t.Context(), onTop.ID())
	require.NoError(t, err)
}

// withLayer puts a layer on an image, as building on it does.
func withLayer(c *content, l blob) (*content, error) {
	var cfg map[string]any
	if err := json.Unmarshal(c.Config, &cfg); err != nil {
		return nil, err
	}
	out := &content{Layers: append(append([]blob(nil), c.Layers...), l)}
	var ids []any
	for _, l := range out.Layers {
		ids = append(ids, l.DiffID)
	}
	cfg["rootfs"] = map[string]any{"type": "layers", "diff_ids": ids}
	delete(cfg, "history")
	cfg["created"] = time.Now().UTC().Format(time.RFC3339Nano)
	var err error
	out.Config, err = json.Marshal(cfg)
	return out, err
}

// What is built on an image of ours inherits its labels, and must not be taken for it: a
// toolchain's name once ended up on a backend.
func TestBuildIsNotMistakenForItsBase(t *testing.T) {
	s := newSite(t)
	first := s.build(s.options())
	made, err := save(t.Context(), s.engine, first.Ref)
	require.NoError(t, err)
	defer made.Close()

	// A stranger's: more layers, or only another user; newer, so that it is listed first.
	layered, err := withLayer(&made.content, layerOf(tarOf(t, file{name: "theirs", data: s.settings.Image.Prefix})))
	require.NoError(t, err)
	for i, c := range []*content{layered, &made.content} {
		var cfg map[string]any
		require.NoError(t, json.Unmarshal(c.Config, &cfg))
		cfg["created"] = time.Now().UTC().Format(time.RFC3339)
		cfg["config"].(map[string]any)["User"] = "10001"
		theirs := &content{Layers: c.Layers}
		theirs.Config, err = json.Marshal(cfg)
		require.NoError(t, err)
		var archive bytes.Buffer
		_, _, err = writeArchive(&archive, theirs, []string{fmt.Sprintf("%s/theirs:%d", s.settings.Image.Prefix, i)}, nil)
		require.NoError(t, err)
		_, err = s.engine.Load(t.Context(), &archive, nil)
		require.NoError(t, err)
	}
	again := s.build(s.options())
	require.False(t, again.Built)
	require.Equal(t, first.ID, again.ID)
	named, err := s.engine.Image(t.Context(), first.Ref)
	require.NoError(t, err)
	require.Equal(t, first.ID, named.ID, "the name has not moved")

	// Ours on the way: BuildKit has made it, it is not normalised yet.
	s.write("apps/one/Dockerfile", "FROM "+first.Ref+" AS prod\nUSER 0:0\nCOPY a /more\nHEALTHCHECK CMD [\"cat\"]\n")
	looked := false
	o := s.options()
	o.Engine = loadHook{s.engine, func() {
		looked = true
		list, err := s.engine.Images(t.Context(), engine.Filter{Names: []string{s.settings.Image.Prefix + "/*:" + working + "*"}})
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, "unfinished", list[0].Labels[labelImage])
		require.Empty(t, list[0].Labels[labelInput])
	}}
	require.True(t, s.build(o).Built)
	require.True(t, looked)
}

// loadHook calls back before the normalised image is loaded.
type loadHook struct {
	*engine.Client
	before func()
}

func (h loadHook) Load(ctx context.Context, archive io.Reader, progress func(string)) ([]string, error) {
	h.before()
	return h.Client.Load(ctx, archive, progress)
}
