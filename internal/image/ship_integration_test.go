//go:build integration

package image

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/testkit"
)

// second opens an engine of the test's own.
func second(t *testing.T) *engine.Client {
	t.Helper()
	return testkit.NewHost(t).Client()
}

// fixture makes a real image: the test kit's program under more layers, with labels.
// put loads it.
type fixture struct {
	base *saved
}

func newFixture(t *testing.T) fixture {
	t.Helper()
	s, err := save(t.Context(), testkit.Engine(t), testkit.TinyImage(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return fixture{s}
}

// image is the base with other labels and more layers on top.
func (f fixture) image(t *testing.T, labels map[string]string, layers ...[]byte) *content {
	t.Helper()
	c := &content{Layers: append([]blob{}, f.base.Layers...)}
	var cfg map[string]any
	require.NoError(t, json.Unmarshal(f.base.Config, &cfg))
	rootfs := cfg["rootfs"].(map[string]any)
	diffs := rootfs["diff_ids"].([]any)
	for _, data := range layers {
		l := layerOf(data)
		c.Layers = append(c.Layers, l)
		diffs = append(diffs, l.DiffID)
	}
	rootfs["diff_ids"] = diffs
	delete(cfg, "history") // would have to match the layers; engines do without it
	config, ok := cfg["config"].(map[string]any)
	require.True(t, ok)
	config["Labels"] = labels
	raw, err := json.Marshal(cfg)
	require.NoError(t, err)
	c.Config = raw
	return c
}

func put(t *testing.T, c *engine.Client, img *content, ref string) {
	t.Helper()
	var b bytes.Buffer
	_, _, err := writeArchive(&b, img, []string{ref}, nil)
	require.NoError(t, err)
	_, err = c.Load(t.Context(), &b, nil)
	require.NoError(t, err)
	require.NoError(t, c.Tag(t.Context(), ref, ref))
}

// labelled are the labels of an image of ours that the test kit removes.
func labelled(t *testing.T, name, input string) map[string]string {
	t.Helper()
	labels := ours(name, input)
	maps.Copy(labels, testkit.Labels(t))
	return labels
}

func TestShipBetweenEngines(t *testing.T) {
	from, to := testkit.Engine(t), second(t)
	fix := newFixture(t)
	prefix := testkit.Name(t, "ship")
	ref := func(tag string) string { return prefix + "/backend:" + tag }
	v1 := fix.image(t, labelled(t, "backend", "in1"), big(t, "one", 100_000))
	v2 := fix.image(t, labelled(t, "backend", "in2"), big(t, "two", 100_000))
	put(t, from, v1, ref("v1"))
	put(t, from, v2, ref("v2"))

	ship := func(tag string, compress bool) (Shipped, error) {
		done, err := Ship(t.Context(), from, to, []string{ref(tag)}, ShipOptions{Compress: compress})
		if err != nil {
			return Shipped{}, err
		}
		return done[0], nil
	}

	first, err := ship("v1", false)
	require.NoError(t, err)
	assert.Equal(t, StatusShipped, first.Status)
	assert.Equal(t, first.Whole, first.Layers, "the target was empty")
	assert.Greater(t, first.Sent, first.Whole)

	next, err := ship("v2", true)
	require.NoError(t, err)
	assert.Equal(t, StatusShipped, next.Status)
	assert.EqualValues(t, len(big(t, "two", 100_000)), next.Layers, "the program's layer was there")
	assert.Less(t, next.Sent, next.Whole/2)

	here, err := from.Image(t.Context(), ref("v2"))
	require.NoError(t, err)
	there, err := to.Image(t.Context(), ref("v2"))
	require.NoError(t, err)
	assert.Equal(t, here.ID, there.ID)
	assert.Equal(t, v2.ID(), there.ID)

	// What was put together from layers of two archives runs.
	id, err := to.Create(t.Context(), engine.Spec{Image: ref("v2"), Cmd: []string{"env"}})
	require.NoError(t, err)
	require.NoError(t, to.Remove(t.Context(), id))

	again, err := ship("v2", true)
	require.NoError(t, err)
	assert.Equal(t, StatusUnchanged, again.Status)
	assert.Zero(t, again.Sent)

	require.NoError(t, from.Tag(t.Context(), ref("v2"), ref("v2.1")))
	tagged, err := ship("v2.1", true)
	require.NoError(t, err)
	assert.Equal(t, StatusTagged, tagged.Status)

	t.Run("a tag is never moved", func(t *testing.T) {
		require.NoError(t, to.Tag(t.Context(), ref("v1"), ref("v3")))
		require.NoError(t, from.Tag(t.Context(), ref("v2"), ref("v3")))
		_, err := ship("v3", true)
		require.ErrorIs(t, err, ErrTagTaken)
	})
}

// forgetful is an engine that removes an image between the look at its layers and
// the load: the layers that were left out are gone.
type forgetful struct {
	*engine.Client
	forget string
}

func (f *forgetful) Load(ctx context.Context, archive io.Reader, progress func(string)) ([]string, error) {
	if f.forget != "" {
		if err := f.RemoveImage(ctx, f.forget); err != nil {
			return nil, err
		}
		f.forget = ""
	}
	return f.Client.Load(ctx, archive, progress)
}

func TestShipFallsBackToTheWholeImage(t *testing.T) {
	from, to := testkit.Engine(t), &forgetful{Client: second(t)}
	fix := newFixture(t)
	prefix := testkit.Name(t, "ship")
	old, current := prefix+"/backend:v1", prefix+"/backend:v2"
	put(t, from, fix.image(t, labelled(t, "backend", "in1"), big(t, "one", 1000)), old)
	put(t, from, fix.image(t, labelled(t, "backend", "in2"), big(t, "two", 1000)), current)
	_, err := Ship(t.Context(), from, to, []string{old}, ShipOptions{})
	require.NoError(t, err)

	to.forget = old
	var said bytes.Buffer
	done, err := Ship(t.Context(), from, to, []string{current}, ShipOptions{Narrate: &said})
	require.NoError(t, err)
	assert.Equal(t, done[0].Whole, done[0].Layers)
	assert.Contains(t, said.String(), "wants the whole image")
	_, err = to.Image(t.Context(), current)
	require.NoError(t, err)
}

func TestShipCancelled(t *testing.T) {
	from, to := testkit.Engine(t), second(t)
	fix := newFixture(t)
	ref := testkit.Name(t, "ship") + "/backend:v1"
	put(t, from, fix.image(t, labelled(t, "backend", "in1"), big(t, "one", 5_000_000)), ref)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	slow := &cancelOnLoad{Client: to, cancel: cancel}
	_, err := Ship(ctx, from, slow, []string{ref}, ShipOptions{})
	require.ErrorIs(t, err, context.Canceled)
	left, err := to.Images(t.Context(), engine.Filter{})
	require.NoError(t, err)
	assert.Empty(t, left, "nothing half-made stays at the target")
	done, err := Ship(t.Context(), from, to, []string{ref}, ShipOptions{})
	require.NoError(t, err)
	assert.Equal(t, StatusShipped, done[0].Status)
}

// cancelOnLoad cancels in the middle of the archive.
type cancelOnLoad struct {
	*engine.Client
	cancel func()
}

func (c *cancelOnLoad) Load(ctx context.Context, archive io.Reader, progress func(string)) ([]string, error) {
	head := make([]byte, 1_000_000)
	if _, err := io.ReadFull(archive, head); err != nil {
		return nil, fmt.Errorf("reading the archive: %w", err)
	}
	rest := &onRead{archive, c.cancel}
	return c.Client.Load(ctx, io.MultiReader(bytes.NewReader(head), rest), progress)
}

type onRead struct {
	r  io.Reader
	do func()
}

func (o *onRead) Read(p []byte) (int, error) {
	o.do()
	return o.r.Read(p)
}
