package image

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
)

const backendRef = "drydock/backend:v1"

func TestShip(t *testing.T) {
	base, top := big(t, "base", 200_000), big(t, "top", 20_000)
	image := contentOf(t, ours("backend", "in1"), base, top)
	baseOnly := contentOf(t, ours("base-trixie", "b"), base)
	rebuilt := contentOf(t, ours("backend", "in1"), base, big(t, "other bytes", 20_000))
	changed := contentOf(t, ours("backend", "in2"), base, big(t, "other bytes", 20_000))

	tests := []struct {
		name   string
		to     func(m *memory)
		want   Shipped // Sent is checked apart
		loads  int
		failed string
	}{
		{name: "everything", want: Shipped{Status: StatusShipped, Layers: 2}, loads: 1},
		{name: "only the layer that is missing", to: func(m *memory) { m.put(t, "drydock/base-trixie:b", baseOnly) }, want: Shipped{Status: StatusShipped, Layers: 1}, loads: 1},
		{name: "nothing, it is there", to: func(m *memory) { m.put(t, backendRef, image) }, want: Shipped{Status: StatusUnchanged}},
		{name: "nothing, it only lacks the tag", to: func(m *memory) { m.put(t, "drydock/backend:v0", image) }, want: Shipped{Status: StatusTagged}},
		{name: "a rebuild of the same input takes the tag over", to: func(m *memory) { m.put(t, backendRef, rebuilt) }, want: Shipped{Status: StatusShipped, Layers: 1}, loads: 1},
		{name: "another image under the tag", to: func(m *memory) { m.put(t, backendRef, changed) }, failed: "the tag is taken"},
		{
			name: "an engine that wants every layer", want: Shipped{Status: StatusShipped, Layers: 2}, loads: 2,
			to: func(m *memory) { m.put(t, "drydock/base-trixie:b", baseOnly); m.wantsAll = true },
		},
		{name: "an engine that breaks off", to: func(m *memory) { m.loadErr = errors.New("disk full") }, failed: "disk full", loads: 1},
	}
	for _, tt := range tests {
		for _, compress := range []bool{false, true} {
			t.Run(tt.name, func(t *testing.T) {
				from, to := newMemory().put(t, backendRef, image), newMemory()
				if tt.to != nil {
					tt.to(to)
				}
				var said bytes.Buffer
				done, err := Ship(t.Context(), from, to, []string{backendRef}, ShipOptions{Compress: compress, Narrate: &said})
				assert.Equal(t, tt.loads, to.loads)
				if tt.failed != "" {
					require.ErrorContains(t, err, tt.failed)
					require.ErrorContains(t, err, "shipping "+backendRef)
					assert.Empty(t, done)
					return
				}
				require.NoError(t, err)
				require.Len(t, done, 1)
				got := done[0]
				assert.Equal(t, tt.want.Status, got.Status)
				assert.Equal(t, image.ID(), got.ID)
				assert.Equal(t, image.ID(), to.tags[backendRef])
				assert.NotEmpty(t, said.String())
				switch tt.want.Layers {
				case 0:
					assert.Zero(t, got.Sent)
				case 1:
					assert.Equal(t, int64(len(top)), got.Layers)
					assert.Less(t, got.Sent, int64(len(base)))
				case 2:
					assert.Equal(t, int64(len(base)+len(top)), got.Layers)
					assert.Equal(t, got.Whole, got.Layers)
					assert.Greater(t, got.Sent, int64(len(base)))
				}
			})
		}
	}
}

func TestShipMissingHere(t *testing.T) {
	_, err := Ship(t.Context(), newMemory(), newMemory(), []string{backendRef}, ShipOptions{})
	require.ErrorIs(t, err, engine.ErrNotFound)
}

func TestShipByDigest(t *testing.T) {
	_, err := Ship(t.Context(), newMemory(), newMemory(), []string{"docker.io/library/redis@sha256:0123"}, ShipOptions{})
	require.ErrorContains(t, err, "give it a tag")
}

func TestShipStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	base := big(t, "base", 200_000)
	from := newMemory().put(t, backendRef, contentOf(t, ours("backend", "i"), base, big(t, "top", 1000)))
	to := newMemory().put(t, "drydock/base-trixie:b", contentOf(t, ours("base-trixie", "b"), base))
	cancel()
	_, err := Ship(ctx, from, to, []string{backendRef}, ShipOptions{})
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, 1, to.loads, "a cancelled load is not tried again with everything")
}

func TestSame(t *testing.T) {
	labels := ours("backend", "in1")
	a := engine.Image{ID: "sha256:1", Layers: []string{"a", "b"}, Labels: labels}
	b := engine.Image{ID: "sha256:2", Layers: []string{"a", "b"}, Labels: labels}
	assert.True(t, same(a, b), "a content store names the same image otherwise")
	b.Layers = []string{"a", "c"}
	assert.False(t, same(a, b))
	b.Layers, b.Labels = a.Layers, ours("backend", "in2")
	assert.False(t, same(a, b))
	assert.False(t, same(engine.Image{ID: "1"}, engine.Image{ID: "2"}))
}

func TestRemote(t *testing.T) {
	for host, want := range map[string]bool{"": false, "unix:///run/docker.sock": false, "ssh://root@prod": true, "tcp://10.0.0.1:2376": true} {
		assert.Equal(t, want, Remote(host), host)
	}
}
