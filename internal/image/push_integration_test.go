//go:build integration

package image

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/testkit"
)

// From one real engine through a registry with a password into another, with an
// interruption on the way.
func TestPushAndPullRealEngines(t *testing.T) {
	from := testkit.Engine(t)
	fix := newFixture(t)
	local := testkit.Name(t, "push") + "/backend:v1"
	img := fix.image(t, labelled(t, "backend", "in1"), big(t, "one", 300_000), big(t, "two", 300_000))
	put(t, from, img, local)
	images := []PushImage{{Ref: local, Name: "backend", Tag: "v1"}}

	reg := newTestRegistry(t)
	reg.user, reg.password = "ci", `pass__$85858#'x`
	ctx, cancel := context.WithCancel(t.Context())
	first := reg.at()
	first.Jobs = 1
	first.Transport = cancelAfter{http.DefaultTransport, cancel, "PUT", &reg.uploads, 1}
	_, err := Push(ctx, from, images, first, nil)
	require.ErrorIs(t, err, context.Canceled)

	done, err := Push(t.Context(), from, images, reg.at(), nil)
	require.NoError(t, err)
	assert.Equal(t, StatusPushed, done[0].Status)
	assert.Less(t, done[0].Uploaded, done[0].Bytes)
	again, err := Push(t.Context(), from, images, reg.at(), nil)
	require.NoError(t, err)
	assert.Equal(t, StatusUnchanged, again[0].Status)
	assert.Equal(t, done[0].Digest, again[0].Digest)

	to := second(t)
	put(t, to, fix.image(t, ours("redis", "r")), "drydock/redis:r") // shares the program's layer
	pulled, err := Pull(t.Context(), to, done[0].Ref, local, reg.at(), nil)
	require.NoError(t, err)
	assert.Less(t, pulled.Layers, pulled.Whole)
	there, err := to.Image(t.Context(), local)
	require.NoError(t, err)
	here, err := from.Image(t.Context(), local)
	require.NoError(t, err)
	assert.Equal(t, here.ID, there.ID)
	assert.Equal(t, here.Layers, there.Layers)
	_, err = to.Create(t.Context(), engine.Spec{Image: local})
	require.NoError(t, err)
}
