package image

import (
	"archive/tar"
	"bytes"
	"io"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func readBack(t *testing.T, c *content, have map[string]bool) (*content, error) {
	t.Helper()
	var b bytes.Buffer
	_, _, err := writeArchive(&b, c, []string{"drydock/x:1"}, have)
	require.NoError(t, err)
	return readArchive(bytes.NewReader(b.Bytes()))
}

func TestArchiveRoundTrip(t *testing.T) {
	one, two := big(t, "one", 5000), big(t, "two", 70000)
	for name, c := range map[string]*content{
		"one layer":         contentOf(t, ours("x", "1"), one),
		"a layer twice":     contentOf(t, ours("x", "1"), one, two, one),
		"no labels":         contentOf(t, nil, two, one),
		"no layer whatever": contentOf(t, nil),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readBack(t, c, nil)
			require.NoError(t, err)
			assert.Equal(t, c.ID(), got.ID())
			require.Len(t, got.Layers, len(c.Layers))
			for i, l := range got.Layers {
				assert.Equal(t, c.Layers[i].DiffID, l.DiffID)
				r, err := l.uncompressed()
				require.NoError(t, err)
				data, err := io.ReadAll(r)
				require.NoError(t, err)
				require.NoError(t, r.Close())
				assert.Equal(t, l.DiffID, layerOf(data).DiffID)
			}
		})
	}
}

func TestArchiveLeavesOutWhatIsThere(t *testing.T) {
	one, two, three := big(t, "one", 5000), big(t, "two", 6000), big(t, "three", 7000)
	c := contentOf(t, nil, one, two, three)
	chains := chainIDs([]string{layerOf(one).DiffID, layerOf(two).DiffID, layerOf(three).DiffID})
	var b bytes.Buffer
	sent, left, err := writeArchive(&b, c, nil, map[string]bool{chains[0]: true, chains[1]: true})
	require.NoError(t, err)
	assert.Equal(t, int64(len(three)), sent)
	assert.Equal(t, int64(len(one)+len(two)), left)
	assert.NotContains(t, b.String(), string(one[600:700]))

	// The same layer on another chain is not there.
	other := contentOf(t, nil, two, one)
	b.Reset()
	sent, left, err = writeArchive(&b, other, nil, map[string]bool{chains[0]: true, chains[1]: true})
	require.NoError(t, err)
	assert.Equal(t, int64(len(one)+len(two)), sent)
	assert.Zero(t, left)
}

func TestArchiveOfOldEngine(t *testing.T) {
	// Engines before 25 write a repeated layer as a symbolic link to the first.
	layer := big(t, "one", 3000)
	c := contentOf(t, nil, layer, layer)
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	require.NoError(t, writeFile(tw, "aaa/layer.tar", layer))
	require.NoError(t, tw.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "bbb/layer.tar", Linkname: "../aaa/layer.tar"}))
	require.NoError(t, writeFile(tw, "c.json", c.Config))
	require.NoError(t, writeFile(tw, "manifest.json", []byte(`[{"Config":"c.json","RepoTags":null,"Layers":["aaa/layer.tar","bbb/layer.tar"]}]`)))
	require.NoError(t, tw.Close())
	got, err := readArchive(bytes.NewReader(b.Bytes()))
	require.NoError(t, err)
	assert.Equal(t, int64(len(layer)), got.Layers[1].Size)
}

func TestArchiveRefusals(t *testing.T) {
	config := contentOf(t, nil, big(t, "one", 100)).Config
	tests := map[string]struct {
		files []file
		want  string
	}{
		"no manifest":    {nil, "no manifest.json"},
		"not JSON":       {[]file{{name: "manifest.json", data: "x"}}, "reading manifest.json"},
		"two images":     {[]file{{name: "manifest.json", data: "[{},{}]"}}, "2 images"},
		"layers missing": {[]file{{name: "manifest.json", data: `[{"Config":"c"}]`}, {name: "c", data: string(config)}}, "lists 0 layers"},
		"layer missing":  {[]file{{name: "manifest.json", data: `[{"Config":"c","Layers":["l"]}]`}, {name: "c", data: string(config)}}, "has no l"},
		"bad config":     {[]file{{name: "manifest.json", data: `[{"Config":"c","Layers":["l"]}]`}, {name: "c", data: "{"}}, "configuration"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := readArchive(bytes.NewReader(tarOf(t, tt.files...)))
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestArchiveLinkLoop(t *testing.T) {
	_, err := tarIndex{"a": {link: "b"}, "b": {link: "a"}}.find("a")
	require.ErrorContains(t, err, "loop")
}

func TestBlobCompression(t *testing.T) {
	raw := tarOf(t, file{name: "a", data: "hello"})
	var gz, zs bytes.Buffer
	g := gzip.NewWriter(&gz)
	_, err := g.Write(raw)
	require.NoError(t, err)
	require.NoError(t, g.Close())
	z, err := zstd.NewWriter(&zs)
	require.NoError(t, err)
	_, err = z.Write(raw)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	for want, data := range map[compression][]byte{plain: raw, gzipped: gz.Bytes(), zstandard: zs.Bytes()} {
		b := layerOf(data)
		kind, err := b.compression()
		require.NoError(t, err)
		assert.Equal(t, want, kind)
		r, err := b.uncompressed()
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		assert.Equal(t, raw, got)
	}
	kind, err := layerOf(nil).compression()
	require.NoError(t, err)
	assert.Equal(t, plain, kind)
}

func TestChainIDs(t *testing.T) {
	// printf 'sha256:aa sha256:bb' | sha256sum, and so on
	assert.Equal(t, []string{
		"sha256:aa",
		"sha256:b68ad689d6d1ec110ea1c13617437ad6f3766d4b3b309f6a603a222e07a0164f",
		"sha256:ced946a3b9b1c697ead0fa9bf9ad36e03198566077f3950076f64a4760acde1b",
	}, chainIDs([]string{"sha256:aa", "sha256:bb", "sha256:cc"}))
	assert.Empty(t, chainIDs(nil))
}
