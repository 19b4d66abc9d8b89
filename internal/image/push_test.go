package image

import (
	"bytes"
	"context"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPushAndPull(t *testing.T) {
	reg := newTestRegistry(t)
	base, top := big(t, "base", 100_000), big(t, "top", 10_000)
	image := contentOf(t, ours("backend", "in1"), base, top)
	from := newMemory().put(t, backendRef, image)

	var said bytes.Buffer
	done, err := Push(t.Context(), from, backendAt("v1"), reg.at(), &said)
	require.NoError(t, err)
	require.Len(t, done, 1)
	first := done[0]
	assert.Equal(t, StatusPushed, first.Status)
	assert.Equal(t, image.ID(), first.ID)
	assert.Equal(t, reg.at().Path+"/backend@"+first.Digest, first.Ref)
	assert.Equal(t, first.Bytes, first.Uploaded)
	assert.EqualValues(t, 3, reg.uploads.Load(), "two layers and the configuration")
	assert.Contains(t, said.String(), "backend: uploading ")
	assert.Contains(t, said.String(), "backend: pushed "+first.Ref)

	t.Run("again is nothing to do", func(t *testing.T) {
		reg.uploads.Store(0)
		done, err := Push(t.Context(), from, backendAt("v1"), reg.at(), nil)
		require.NoError(t, err)
		assert.Equal(t, StatusUnchanged, done[0].Status)
		assert.Equal(t, first.Ref, done[0].Ref)
		assert.Zero(t, done[0].Uploaded)
		assert.Zero(t, reg.uploads.Load())
	})
	t.Run("a tag is never moved", func(t *testing.T) {
		other := newMemory().put(t, backendRef, contentOf(t, ours("backend", "in2"), base))
		_, err := Push(t.Context(), other, backendAt("v1"), reg.at(), nil)
		require.ErrorIs(t, err, ErrTagTaken)
		require.ErrorContains(t, err, "push under a new version")
	})
	t.Run("shared blobs stay where they are", func(t *testing.T) {
		reg.uploads.Store(0)
		next := newMemory().put(t, backendRef, contentOf(t, ours("backend", "in3"), base, big(t, "new", 500)))
		done, err := Push(t.Context(), next, backendAt("v2"), reg.at(), nil)
		require.NoError(t, err)
		assert.EqualValues(t, 2, reg.uploads.Load(), "one layer and the configuration")
		assert.Less(t, done[0].Uploaded, done[0].Bytes)
	})
	t.Run("pull brings the same image", func(t *testing.T) {
		to := newMemory().put(t, "drydock/base-trixie:b", contentOf(t, ours("base-trixie", "b"), base))
		got, err := Pull(t.Context(), to, first.Ref, backendRef, reg.at(), nil)
		require.NoError(t, err)
		assert.Equal(t, image.ID(), to.tags[backendRef])
		assert.Equal(t, StatusShipped, got.Status)
		assert.Less(t, got.Layers, got.Whole, "the base was there")
		got, err = Pull(t.Context(), to, first.Ref, backendRef, reg.at(), nil)
		require.NoError(t, err)
		assert.Equal(t, StatusUnchanged, got.Status)
	})
	t.Run("pull wants a digest, from the registry that is set", func(t *testing.T) {
		_, err := Pull(t.Context(), newMemory(), reg.at().Path+"/backend:v1", backendRef, reg.at(), nil)
		require.ErrorContains(t, err, "by digest")
		_, err = Pull(t.Context(), newMemory(), "other.example.com/backend@"+first.Digest, backendRef, reg.at(), nil)
		require.ErrorContains(t, err, "REGISTRY is at 127.0.0.1")
	})
}

func TestPushOneOfMany(t *testing.T) {
	reg := newTestRegistry(t)
	base := big(t, "base", 50_000)
	from := newMemory().put(t, backendRef, contentOf(t, ours("backend", "a"), base, big(t, "a", 500)))
	from.put(t, "drydock/redis:r", contentOf(t, ours("redis", "r"), base, big(t, "r", 500)))
	images := append(backendAt("v1"), PushImage{Ref: "drydock/redis:r", Name: "redis", Tag: "r"}, PushImage{Ref: "drydock/no:1", Name: "no", Tag: "1"})
	done, err := Push(t.Context(), from, images, reg.at(), nil)
	require.ErrorContains(t, err, "pushing drydock/no:1")
	require.Len(t, done, 2, "what was pushed before the failure is told")
}

func TestPushInterrupted(t *testing.T) {
	reg := newTestRegistry(t)
	from := newMemory().put(t, backendRef, contentOf(t, ours("backend", "a"), big(t, "a", 300_000), big(t, "b", 300_000), big(t, "c", 300_000)))

	t.Run("one connection breaks: the push itself tries again", func(t *testing.T) {
		reg.breakAt = 2
		done, err := Push(t.Context(), from, backendAt("v1"), reg.at(), nil)
		require.NoError(t, err)
		assert.Equal(t, StatusPushed, done[0].Status)
	})
	t.Run("the person breaks off: the next push goes on", func(t *testing.T) {
		reg := newTestRegistry(t)
		ctx, cancel := context.WithCancel(t.Context())
		stop := reg.at()
		stop.Jobs = 1
		stop.Transport = cancelAfter{http.DefaultTransport, cancel, "PUT", &reg.uploads, 1}
		_, err := Push(ctx, from, backendAt("v2"), stop, nil)
		require.ErrorIs(t, err, context.Canceled)
		before := reg.uploads.Load()
		require.Positive(t, before)
		require.Less(t, before, int64(4))
		done, err := Push(t.Context(), from, backendAt("v2"), reg.at(), nil)
		require.NoError(t, err)
		assert.EqualValues(t, 4, reg.uploads.Load(), "what was up already is not sent again")
		assert.Less(t, done[0].Uploaded, done[0].Bytes)
	})
}

// cancelAfter cancels once the registry finished so many uploads.
type cancelAfter struct {
	next   http.RoundTripper
	cancel func()
	method string
	done   *atomic.Int64
	n      int64
}

func (c cancelAfter) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.next.RoundTrip(r)
	if r.Method == c.method && c.done.Load() >= c.n {
		c.cancel()
	}
	return resp, err
}
