//go:build integration

package image

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
)

// The engine is the test's own: pruning looks at every image of ours.
func TestPruneRealEngine(t *testing.T) {
	fix := newFixture(t)
	c := second(t)
	put(t, c, fix.image(t, map[string]string{"someone": "else"}, big(t, "stranger", 10_000)), "alice/tool:1")
	for _, v := range []string{"v1", "v2", "v3", "v4", "v5"} {
		put(t, c, fix.image(t, ours("backend", v), big(t, v, 200_000)), "drydock/backend:"+v)
	}
	// A rebuild takes the tag over; the image before it is left without one.
	put(t, c, fix.image(t, ours("backend", "v5"), big(t, "rebuilt", 200_000)), "drydock/backend:v5")
	// The stranger's image got one of our tags, and ours one of a stranger's.
	require.NoError(t, c.Tag(t.Context(), "drydock/backend:v4", "alice/backend:mine"))

	running, err := c.Create(t.Context(), engine.Spec{Name: "shop-blue-backend-1", Image: "drydock/backend:v1", Cmd: []string{"serve"}, Labels: map[string]string{labelProject: "shop"}})
	require.NoError(t, err)
	require.NoError(t, c.Start(t.Context(), running))
	t.Cleanup(func() { // before the engine itself is stopped
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		assert.NoError(t, c.Remove(ctx, running))
	})
	_, err = c.Create(t.Context(), engine.Spec{Name: "shop-green-backend-1", Image: "drydock/backend:v2", Labels: map[string]string{labelProject: "shop"}})
	require.NoError(t, err)

	before, err := c.Image(t.Context(), "drydock/backend:v1")
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), before.Tagged, 2*time.Minute, "the engine's own time, whatever the image says")

	rules := PruneRules{Prefix: "drydock", Keep: 0, Pinned: []string{"drydock/backend:v3"}}
	rows, others, err := List(t.Context(), c, rules, time.Now())
	require.NoError(t, err)
	assert.Zero(t, others)
	var table bytes.Buffer
	require.NoError(t, WriteList(&table, rows, "text"))
	t.Log("\n" + table.String())
	assert.Regexp(t, `backend +prod +v1 .* shop-blue-backend-1 +running: shop-blue-backend-1`, table.String())
	assert.Regexp(t, `backend +prod +v2 .* shop-green-backend-1 \(stopped\) +stopped: shop-green-backend-1`, table.String())
	assert.Regexp(t, `backend +prod +v3 .* pinned`, table.String())
	assert.Regexp(t, `backend +prod +.*alice/backend:mine.* not ours to remove`, table.String())
	assert.NotContains(t, table.String(), "alice/tool")

	dry, err := Prune(t.Context(), c, PruneOptions{Rules: rules, DryRun: true})
	require.NoError(t, err)
	still, err := c.Images(t.Context(), engine.Filter{})
	require.NoError(t, err)
	assert.Len(t, still, 7)

	done, err := Prune(t.Context(), c, PruneOptions{Rules: rules})
	require.NoError(t, err)
	assert.Equal(t, dry.Images, done.Images, "the dry run told the truth")
	assert.InDelta(t, 400_000, done.Reclaimed, 20_000, "two images of 200 kB, without the layer that others have")
	for ref, want := range map[string]bool{
		"alice/tool:1": true, "drydock/backend:v1": true, "drydock/backend:v2": true, "drydock/backend:v3": true,
		"drydock/backend:v4": true, "drydock/backend:v5": false,
	} {
		has, err := c.HasImage(t.Context(), ref)
		require.NoError(t, err)
		assert.Equal(t, want, has, ref)
	}
	left, err := c.Images(t.Context(), engine.Filter{})
	require.NoError(t, err)
	assert.Len(t, left, 5, "the leftover is gone, too")
	state, err := c.Container(t.Context(), running)
	require.NoError(t, err)
	assert.Equal(t, engine.Running, state.State)

	again, err := Prune(t.Context(), c, PruneOptions{Rules: rules})
	require.NoError(t, err)
	assert.Zero(t, again.Reclaimed)
}
