package supervisor

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/gateway/render"
)

// entry is one of an archive; a regular file unless kind says otherwise.
type entry struct {
	name, content string
	kind          byte
	link          string
}

func archive(t testing.TB, entries ...entry) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := tar.Header{Name: e.name, Typeflag: e.kind, Linkname: e.link, Mode: 0o644, Size: int64(len(e.content))}
		if e.kind == 0 {
			h.Typeflag = tar.TypeReg
		}
		require.NoError(t, w.WriteHeader(&h))
		_, err := w.Write([]byte(e.content))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return &b
}

func file(name, content string) entry { return entry{name: name, content: content} }

func TestExtractRefuses(t *testing.T) {
	for want, e := range map[string]entry{
		`"../x" leads out`:                  file("../x", ""),
		`"a/../../x" leads out`:             file("a/../../x", ""),
		`"a/.." leads out`:                  file("a/..", ""),
		`"/etc/x" is not a relative path`:   file("/etc/x", ""),
		`"x" is neither`:                    {name: "x", kind: tar.TypeSymlink, link: "/etc/passwd"},
		`"y" is neither`:                    {name: "y", kind: tar.TypeLink, link: "/etc/passwd"},
		`"z" is neither`:                    {name: "z", kind: tar.TypeFifo},
		`"run/x.conf" is in run/`:           file("run/x.conf", ""),
		`"./run" is in run/`:                file("./run", ""),
		`larger than`:                       file("x", strings.Repeat("x", maxTreeBytes+1)),
		`"." is no name`:                    file(".", ""),
		`"a\\..\\b" is not a relative path`: file(`a\..\b`, ""),
	} {
		outer := t.TempDir()
		dir := filepath.Join(outer, "in")
		require.NoError(t, os.Mkdir(dir, 0o755))
		err := extract(archive(t, e), dir)
		assert.ErrorContains(t, err, want)
		entries, err := os.ReadDir(outer)
		require.NoError(t, err)
		assert.Len(t, entries, 1, "nothing outside")
	}
	assert.ErrorContains(t, extract(&bytes.Buffer{}, t.TempDir()), "it is empty")
	assert.Error(t, extract(strings.NewReader("no tar at all, but long enough to be one: "+strings.Repeat("x", 2000)), t.TempDir()))
	assert.ErrorContains(t, extract(archive(t, file("a", "1"), file("a", "2")), t.TempDir()), "file exists")
	many := make([]entry, maxTreeFiles+1)
	for i := range many {
		many[i] = entry{name: "d/", kind: tar.TypeDir}
	}
	assert.ErrorContains(t, extract(archive(t, many...), t.TempDir()), "more than")
}

func FuzzExtract(f *testing.F) {
	f.Add(archive(f, file("nginx.conf", "events {}"), file("a/b", "x")).Bytes())
	f.Add(archive(f, entry{name: "x", kind: tar.TypeSymlink, link: "/"}, file("x/y", "")).Bytes())
	f.Fuzz(func(t *testing.T, text []byte) {
		outer := t.TempDir()
		dir := filepath.Join(outer, "in")
		require.NoError(t, os.Mkdir(dir, 0o755))
		_ = extract(bytes.NewReader(text), dir)
		require.NoError(t, filepath.WalkDir(outer, func(p string, d fs.DirEntry, err error) error {
			require.NoError(t, err)
			require.True(t, p == outer || p == dir || strings.HasPrefix(p, dir+"/"), "%s is outside", p)
			require.True(t, d.IsDir() || d.Type().IsRegular(), "%s is %s", p, d.Type())
			return nil
		}))
	})
}

func TestConfigurations(t *testing.T) {
	image := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(image, "nginx.conf"), []byte("events {}\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(image, "mime.types"), []byte("types {}\n"), 0o600))
	hash, err := hashTree(image)
	require.NoError(t, err)
	c := &configurations{image: image, hash: hash, dir: filepath.Join(t.TempDir(), "conf")}
	assert.Equal(t, image, c.source(nil))

	first, err := c.keep(archive(t, file("nginx.conf", "events { }\n"), file("a/b.conf", "x")), time.Now())
	require.NoError(t, err)
	require.NoError(t, c.usable(&first))
	types, err := os.ReadFile(filepath.Join(c.source(&first), "mime.types"))
	require.NoError(t, err)
	assert.Equal(t, "types {}\n", string(types), "what the base image has is added")
	again, err := c.keep(archive(t, file("a/b.conf", "x"), file("nginx.conf", "events { }\n")), time.Now())
	require.NoError(t, err)
	assert.Equal(t, first.SHA256, again.SHA256, "the same content has the same name")
	second, err := c.keep(archive(t, file("nginx.conf", "events {  }\n"), file("mime.types", "own")), time.Now())
	require.NoError(t, err)
	require.NoError(t, c.prune(&second))
	assert.NoDirExists(t, c.source(&first))
	require.NoError(t, c.usable(&second))

	newer := &configurations{image: image, hash: "another image", dir: c.dir}
	assert.ErrorContains(t, newer.usable(&second), "the newer image's wins")
	require.NoError(t, os.WriteFile(filepath.Join(c.source(&second), "mime.types"), []byte("other"), 0o600))
	assert.ErrorContains(t, c.usable(&second), "its files changed")
	require.NoError(t, c.prune(nil))
	assert.Error(t, c.usable(&second))
	_, err = c.keep(archive(t, file("other.conf", "")), time.Now())
	assert.ErrorContains(t, err, "no nginx.conf")
	entries, err := os.ReadDir(c.dir)
	require.NoError(t, err)
	assert.Empty(t, entries)
}

func TestGenerations(t *testing.T) {
	source := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(source, "run"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(source, "run", "old.conf"), []byte("x"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(source, "nginx.conf"), []byte("x"), 0o600))
	g := &generations{run: t.TempDir(), render: func(s render.State) (map[string][]byte, error) {
		return map[string][]byte{"a.conf": []byte(s.Active), "sub/b.conf": nil}, nil
	}}
	for n := 1; n <= 6; n++ {
		require.NoError(t, g.make(source, render.State{Generation: n, Active: render.Green}))
		require.NoError(t, g.use(n))
	}
	text, err := os.ReadFile(filepath.Join(g.current(), "run", "a.conf"))
	require.NoError(t, err)
	assert.Equal(t, "green", string(text))
	assert.NoFileExists(t, filepath.Join(g.current(), "run", "old.conf"), "what was rendered elsewhere is not taken along")
	require.NoError(t, g.prune(2))
	var left []string
	entries, err := os.ReadDir(filepath.Join(g.run, "generations"))
	require.NoError(t, err)
	for _, e := range entries {
		left = append(left, e.Name())
	}
	assert.Equal(t, []string{"2", "5", "6"}, left, "the one that serves stays, however old")
}
