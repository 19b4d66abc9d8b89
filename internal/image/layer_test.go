package image

import (
	"archive/tar"
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// item is one entry of a layer as a builder writes it.
type item struct {
	kind byte
	name string
	body string // of a link: where to
	mode int64
	xtra map[string]string
}

func tarItems(t *testing.T, at time.Time, items ...item) blob {
	t.Helper()
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for _, i := range items {
		h := &tar.Header{Typeflag: i.kind, Name: i.name, Mode: i.mode, ModTime: at, PAXRecords: i.xtra, Format: tar.FormatPAX}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if i.kind == tar.TypeReg {
			h.Size = int64(len(i.body))
		} else {
			h.Linkname = i.body
		}
		require.NoError(t, tw.WriteHeader(h))
		if i.kind == tar.TypeReg {
			_, err := io.WriteString(tw, i.body)
			require.NoError(t, err)
		}
	}
	require.NoError(t, tw.Close())
	return blob{Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buf.Bytes())), nil }}
}

func names(t *testing.T, b blob) (list []string) {
	t.Helper()
	r, err := b.Open()
	require.NoError(t, err)
	defer r.Close()
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return list
		}
		require.NoError(t, err)
		require.True(t, h.ModTime.Equal(epoch), h.Name)
		name := h.Name
		if h.Typeflag == tar.TypeLink {
			name += " = " + h.Linkname
		}
		list = append(list, name)
	}
}

// Each case is a change of the same base that two builders wrote in different ways.
func TestEqualContentGivesEqualBytes(t *testing.T) {
	const dir, reg, link, soft = tar.TypeDir, tar.TypeReg, tar.TypeLink, tar.TypeSymlink
	base := []item{
		{kind: dir, name: "etc/", mode: 0o755}, {kind: reg, name: "etc/passwd", body: "root"}, {kind: soft, name: "bin", body: "usr/bin"},
		{kind: dir, name: "var/", mode: 0o755}, {kind: dir, name: "var/lib/", mode: 0o700}, {kind: reg, name: "var/lib/x", body: "x"},
	}
	cases := map[string]struct {
		one, two []item
		want     []string
	}{
		"in the order of paths or of a walk": {
			one:  []item{{kind: dir, name: "a/", mode: 0o755}, {kind: reg, name: "a/b", body: "1"}, {kind: reg, name: "a-b", body: "2"}},
			two:  []item{{kind: reg, name: "a-b", body: "2"}, {kind: dir, name: "a/", mode: 0o755}, {kind: reg, name: "a/b", body: "1"}},
			want: []string{"a/", "a-b", "a/b"},
		},
		"names, and the type in the mode": {
			one:  []item{{kind: dir, name: "./", mode: 0o755}, {kind: dir, name: "./a", mode: 0o40755}, {kind: reg, name: "./a/b", mode: 0o100644}},
			two:  []item{{kind: dir, name: "a/", mode: 0o755}, {kind: reg, name: "/a/b"}},
			want: []string{"a/", "a/b"},
		},
		"folders above, listed or not": {
			one:  []item{{kind: dir, name: "var/", mode: 0o755}, {kind: dir, name: "var/lib/", mode: 0o700}, {kind: reg, name: "var/lib/y"}},
			two:  []item{{kind: reg, name: "var/lib/y"}},
			want: []string{"var/", "var/lib/", "var/lib/y"},
		},
		"a folder where something was made and removed": {
			one:  []item{{kind: dir, name: "var/", mode: 0o755}, {kind: dir, name: "var/lib/", mode: 0o700}, {kind: reg, name: "new"}},
			two:  []item{{kind: reg, name: "new"}},
			want: []string{"new"},
		},
		"a folder with another mode stays": {
			one:  []item{{kind: dir, name: "var/", mode: 0o755}, {kind: dir, name: "var/lib/", mode: 0o711}},
			two:  []item{{kind: dir, name: "var/lib/", mode: 0o711}},
			want: []string{"var/", "var/lib/"},
		},
		"touched files and links": {
			one:  []item{{kind: dir, name: "etc/", mode: 0o755}, {kind: reg, name: "etc/passwd", body: "root"}, {kind: soft, name: "bin", body: "usr/bin"}, {kind: reg, name: "new"}},
			two:  []item{{kind: reg, name: "new"}},
			want: []string{"new"},
		},
		"a changed file of the same size, mode and time": {
			one:  []item{{kind: dir, name: "etc/", mode: 0o755}, {kind: reg, name: "etc/passwd", body: "toor"}},
			two:  []item{{kind: reg, name: "etc/passwd", body: "toor"}},
			want: []string{"etc/", "etc/passwd"},
		},
		"a capability stays": {
			one:  []item{{kind: dir, name: "etc/", mode: 0o755}, {kind: reg, name: "etc/passwd", body: "root", xtra: map[string]string{"SCHILY.xattr.security.capability": "\x01"}}},
			two:  []item{{kind: reg, name: "etc/passwd", body: "root", xtra: map[string]string{"SCHILY.xattr.security.capability": "\x01", "LIBARCHIVE.creationtime": "1"}}},
			want: []string{"etc/", "etc/passwd"},
		},
		"which hard link is the file": {
			one:  []item{{kind: reg, name: "h/a", body: "1"}, {kind: link, name: "h/b", body: "h/a"}, {kind: link, name: "h/c", body: "h/a"}},
			two:  []item{{kind: reg, name: "h/c", body: "1"}, {kind: link, name: "h/b", body: "h/c"}, {kind: link, name: "h/a", body: "/h/c"}},
			want: []string{"h/a", "h/b = h/a", "h/c = h/a"},
		},
		"removals": {
			one:  []item{{kind: dir, name: "etc/", mode: 0o755}, {kind: reg, name: "etc/.wh.passwd"}, {kind: reg, name: "etc/.wh.never"}},
			two:  []item{{kind: reg, name: "etc/.wh.passwd"}},
			want: []string{"etc/", "etc/.wh.passwd"},
		},
		"a file that is there again after its folder was emptied": {
			one:  []item{{kind: dir, name: "etc/", mode: 0o755}, {kind: reg, name: "etc/.wh..wh..opq"}, {kind: reg, name: "etc/passwd", body: "root"}},
			two:  []item{{kind: reg, name: "etc/passwd", body: "root"}, {kind: reg, name: "etc/.wh..wh..opq"}},
			want: []string{"etc/", "etc/.wh..wh..opq", "etc/passwd"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			n := normal{Base: 1, Epoch: epoch, Files: epoch}
			var ids []string
			for i, items := range [][]item{c.one, c.two} {
				layers := []blob{tarItems(t, epoch, base...), tarItems(t, epoch.Add(time.Duration(2*i-1)*1000*time.Hour), items...)}
				require.NoError(t, normaliseLayers(t.Context(), layers, n, t.TempDir()))
				require.Equal(t, c.want, names(t, layers[1]), "of %d", i+1)
				ids = append(ids, layers[1].DiffID)
			}
			require.Equal(t, ids[0], ids[1])
		})
	}
}

// What an earlier layer of the same image did counts as well.
func TestLayersAreComparedWithAllBelow(t *testing.T) {
	layers := []blob{
		tarItems(t, epoch, item{kind: tar.TypeReg, name: "a", body: "old"}, item{kind: tar.TypeDir, name: "d/", mode: 0o755}, item{kind: tar.TypeReg, name: "d/x", body: "x"}),
		tarItems(t, epoch, item{kind: tar.TypeReg, name: "a", body: "new"}, item{kind: tar.TypeReg, name: ".wh.d"}),
		tarItems(t, epoch, item{kind: tar.TypeReg, name: "a", body: "new"}, item{kind: tar.TypeDir, name: "d/", mode: 0o755}, item{kind: tar.TypeReg, name: "d/x", body: "x"}),
		tarItems(t, epoch, item{kind: tar.TypeReg, name: "d", body: "a file now"}),
		tarItems(t, epoch, item{kind: tar.TypeReg, name: ".wh.d"}, item{kind: tar.TypeReg, name: "a", body: "old"}),
	}
	require.NoError(t, normaliseLayers(t.Context(), layers, normal{Epoch: epoch, Files: epoch}, t.TempDir()))
	var got [][]string
	for _, l := range layers {
		got = append(got, names(t, l))
	}
	require.Equal(t, [][]string{{"a", "d/", "d/x"}, {"a", ".wh.d"}, {"d/", "d/x"}, {"d"}, {"a", ".wh.d"}}, got)
}
