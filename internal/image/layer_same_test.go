package image

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/stretchr/testify/require"
)

// Whatever layers hold, a container sees the same files before and after; doing it again
// changes nothing. Somebody else's code puts the layers together.
func TestCanonicalLayersShowTheSameFiles(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		var layers []blob
		for range 2 + random.IntN(4) {
			layers = append(layers, tarItems(t, epoch, someItems(random)...))
		}
		want := flat(t, layers)
		n := normal{Base: random.IntN(2), Epoch: epoch, Files: epoch}
		once := slices.Clone(layers)
		require.NoError(t, normaliseLayers(t.Context(), once, n, t.TempDir()))
		require.Equal(t, want, flat(t, once), "seed %d", seed)
		twice := slices.Clone(once)
		require.NoError(t, normaliseLayers(t.Context(), twice, n, t.TempDir()))
		for i := n.Base; i < len(once); i++ {
			require.Equal(t, once[i].DiffID, twice[i].DiffID, "seed %d", seed)
		}
	}
}

// someItems is a layer as a builder would write it: folders first, nothing below what is
// no folder, no name twice.
func someItems(random *rand.Rand) []item {
	folders := []string{""}
	used := map[string]bool{}
	var list []item
	for range 1 + random.IntN(8) {
		in := folders[random.IntN(len(folders))]
		at := path.Join(in, string(rune('a'+random.IntN(3))))
		if used[at] {
			continue
		}
		used[at] = true
		switch random.IntN(6) {
		case 0, 1:
			list = append(list, item{kind: tar.TypeDir, name: at + "/", mode: 0o700 + int64(random.IntN(2))*0o55})
			folders = append(folders, at)
		case 2:
			list = append(list, item{kind: tar.TypeSymlink, name: at, body: "x"})
		case 3:
			list = append(list, item{kind: tar.TypeReg, name: path.Join(in, whiteout+path.Base(at))})
		default:
			list = append(list, item{kind: tar.TypeReg, name: at, body: fmt.Sprint(random.IntN(2))})
		}
	}
	return list
}

// flat is what layers add up to.
func flat(t *testing.T, layers []blob) map[string]string {
	t.Helper()
	c := &content{}
	var ids []string
	for i, l := range layers {
		l.DiffID = fmt.Sprintf("sha256:%064d", i) // only a name here
		c.Layers = append(c.Layers, l)
		ids = append(ids, l.DiffID)
	}
	var err error
	c.Config, err = json.Marshal(map[string]any{"rootfs": map[string]any{"type": "layers", "diff_ids": ids}})
	require.NoError(t, err)
	img, err := partial.UncompressedToImage(plainImage{c})
	require.NoError(t, err)
	stream := mutate.Extract(img)
	defer stream.Close()
	files := map[string]string{}
	for tr := tar.NewReader(stream); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return files
		}
		require.NoError(t, err)
		body, err := io.ReadAll(tr)
		require.NoError(t, err)
		files[strings.Trim(h.Name, "/")] = fmt.Sprintf("%c %o %q %q", h.Typeflag, h.Mode, h.Linkname, body)
	}
}
