package image

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTransferSize(t *testing.T) {
	layer := tarOf(t, file{name: "zeros", data: string(make([]byte, 100_000))})
	once := contentOf(t, ours("x", "1"), layer)
	twice := contentOf(t, ours("x", "2"), layer, layer)
	m := newMemory().put(t, "x:1", once).put(t, "x:2", twice).put(t, "x:3", contentOf(t, ours("x", "3")))
	size, err := TransferSize(t.Context(), m, "x:1")
	require.NoError(t, err)
	assert.Positive(t, size)
	assert.Less(t, size, int64(1000), "compressed")
	again, err := TransferSize(t.Context(), m, "x:2")
	require.NoError(t, err)
	assert.Equal(t, size, again, "a layer that is there twice is sent once")
	_, err = TransferSize(t.Context(), m, "x:3")
	require.ErrorContains(t, err, "has no layer")
	_, err = TransferSize(t.Context(), m, "x:4")
	require.ErrorContains(t, err, "No such image")
}
