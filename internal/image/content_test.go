package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func layerOf(data []byte) blob {
	sum := sha256.Sum256(data)
	return blob{DiffID: "sha256:" + hex.EncodeToString(sum[:]), Size: int64(len(data)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}}
}

// file is one file of a test layer.
type file struct {
	name string
	data string
	mode int64
}

func tarOf(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for _, f := range files {
		mode := f.mode
		if mode == 0 {
			mode = 0o644
		}
		require.NoError(t, tw.WriteHeader(&tar.Header{Name: f.name, Mode: mode, Size: int64(len(f.data))}))
		_, err := io.WriteString(tw, f.data)
		require.NoError(t, err)
	}
	require.NoError(t, tw.Close())
	return b.Bytes()
}

func contentOf(t testing.TB, labels map[string]string, layers ...[]byte) *content {
	t.Helper()
	c := &content{}
	diffs := []string{}
	for _, data := range layers {
		l := layerOf(data)
		c.Layers = append(c.Layers, l)
		diffs = append(diffs, l.DiffID)
	}
	raw, err := json.Marshal(map[string]any{
		"created": noon.Format(time.RFC3339), "architecture": "amd64", "os": "linux",
		"config": map[string]any{"Labels": labels}, "rootfs": map[string]any{"type": "layers", "diff_ids": diffs},
	})
	require.NoError(t, err)
	c.Config = raw
	return c
}

// ours are the labels of an image of Drydock's.
func ours(name, input string) map[string]string {
	return map[string]string{labelImage: name, labelInput: input, labelTarget: "prod", labelVersion: "v1.0.0", labelRevision: "0123456789abcdef", "org.opencontainers.image.title": name}
}

// big is a layer that does not compress.
func big(t testing.TB, name string, n int) []byte {
	t.Helper()
	var b strings.Builder
	sum := sha256.Sum256([]byte(name))
	for b.Len() < n {
		sum = sha256.Sum256(sum[:])
		b.Write(sum[:])
	}
	return tarOf(t, file{name: name, data: b.String()})
}
