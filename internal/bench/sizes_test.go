package bench

import (
	"archive/tar"
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLayersSize(t *testing.T) {
	archive := func(entries ...tar.Header) *bytes.Buffer {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, h := range entries {
			text := h.Linkname // what a file holds, too
			if h.Typeflag == tar.TypeReg {
				h.Size, h.Linkname = int64(len(text)), ""
			}
			require.NoError(t, w.WriteHeader(&h))
			if h.Typeflag == tar.TypeReg {
				_, err := w.Write([]byte(text))
				require.NoError(t, err)
			}
		}
		require.NoError(t, w.Close())
		return &b
	}
	file := func(name, text string) tar.Header {
		return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Linkname: text}
	}
	layer := file("a/layer.tar", string(make([]byte, 100_000)))
	twice := tar.Header{Typeflag: tar.TypeSymlink, Name: "b/layer.tar", Linkname: "../a/layer.tar"}
	size, err := layersSize(archive(layer, twice, file("a/json", "{}"), file("manifest.json", `[{"Layers": ["a/layer.tar", "b/layer.tar"]}]`)))
	require.NoError(t, err)
	assert.Positive(t, size)
	assert.Less(t, size, 1000.0, "compressed, and once")
	_, err = layersSize(archive(layer, file("manifest.json", `[{"Layers": ["c/layer.tar"]}]`)))
	require.ErrorContains(t, err, "no layer c/layer.tar")
	_, err = layersSize(archive(layer))
	require.ErrorContains(t, err, "names no layer")
}
