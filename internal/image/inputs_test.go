package image

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func (r repo) input() *input {
	r.t.Helper()
	in, err := readInput(r.dir, recipe{Name: "one", Context: "apps/one", Dockerfile: "apps/one/Dockerfile"}, StageProd)
	require.NoError(r.t, err)
	return in
}

func (in *input) names() []string {
	var list []string
	for _, f := range in.Files {
		list = append(list, f.Path)
	}
	return list
}

func TestInputHash(t *testing.T) {
	r := plainFolder(t)
	path := func(name string) string { return filepath.Join(r.dir, "apps/one", name) }
	want := r.input().Hash()
	same := func(why string) {
		t.Helper()
		require.Equal(t, want, r.input().Hash(), why)
	}
	differs := func(why string) {
		t.Helper()
		got := r.input().Hash()
		require.NotEqual(t, want, got, why)
		want = got
	}
	require.NoError(t, os.Chtimes(path("a"), time.Unix(1, 0), time.Unix(1, 0)))
	same("time")
	require.NoError(t, os.Chmod(path("a"), 0o600))
	same("a strict umask")
	r.write("apps/one/notes.md", "x")
	same("ignored")
	r.write("apps/two/a", "x")
	same("outside of the context")
	require.NoError(t, os.Chmod(path("a"), 0o700))
	differs("executable")
	r.write("apps/one/a", "b")
	differs("content")
	require.NoError(t, os.Rename(path("a"), path("b")))
	differs("name")
	require.NoError(t, os.Symlink("b", path("link")))
	differs("link")
	require.NoError(t, os.Remove(path("link")))
	require.NoError(t, os.Symlink("c", path("link")))
	differs("target of a link")
	r.write("apps/one/Dockerfile", "FROM scratch\n")
	differs("Dockerfile")

	in := r.input()
	in.Images["BASE_TRIXIE"] = "sha256:1"
	one := in.Hash()
	in.Images["BASE_TRIXIE"] = "sha256:2"
	require.NotEqual(t, one, in.Hash(), "another base")
	in.Stage = "dev"
	require.NotEqual(t, one, in.Hash(), "another stage")
}

// The lengths are in the hash: no two inputs may run together into one.
func TestInputHashIsUnambiguous(t *testing.T) {
	a := &input{Recipe: recipe{Name: "x", Args: map[string]string{"A": "b"}}}
	b := &input{Recipe: recipe{Name: "x", Args: map[string]string{"Ab": ""}}}
	require.NotEqual(t, a.Hash(), b.Hash())
}

func TestInputIgnores(t *testing.T) {
	r := plainFolder(t)
	for _, name := range []string{"keep/x", "keep/y.md", "node_modules/deep/er/z", "src/node_modules/q", "src/a.go", "secret", "docs/in/keep.txt"} {
		r.write("apps/one/"+name, name)
	}
	require.Equal(t, []string{".dockerignore", "Dockerfile", "a", "docs/in/keep.txt", "keep/x", "keep/y.md", "node_modules/deep/er/z", "secret", "src/a.go", "src/node_modules/q"}, r.input().names())

	// Everything but: a folder under which nothing can come back is not even entered.
	r.write("apps/one/.dockerignore", "# comment\n*\n!src\n!docs/**/*.txt\n**/node_modules\n")
	unreadable := filepath.Join(r.dir, "apps/one/node_modules")
	require.NoError(t, os.Symlink("/nonexistent", filepath.Join(unreadable, "broken")))
	require.Equal(t, []string{"docs/in/keep.txt", "src/a.go"}, r.input().names())

	// The Dockerfile's own wins, and may sit outside of the context.
	r.write("apps/one/Dockerfile.dockerignore", "*\n!secret\n")
	require.Equal(t, []string{"secret"}, r.input().names())
}

func TestInputProblems(t *testing.T) {
	r := plainFolder(t)
	_, err := readInput(r.dir, recipe{Name: "backend", Context: "apps/none", Dockerfile: "apps/one/Dockerfile"}, StageProd)
	require.ErrorContains(t, err, "BACKEND_CONTEXT")
	_, err = readInput(r.dir, recipe{Name: "backend", Context: "apps/one", Dockerfile: "none"}, StageProd)
	require.ErrorContains(t, err, "BACKEND_DOCKERFILE")
	r.write("apps/one/.dockerignore", "[\n")
	_, err = readInput(r.dir, recipe{Name: "backend", Context: "apps/one", Dockerfile: "apps/one/Dockerfile"}, StageProd)
	require.Error(t, err)
}

// docker/compose 12362: a checkout made under umask 077 must not become files that the
// image's user cannot read.
func TestLay(t *testing.T) {
	r := plainFolder(t)
	epoch := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r.write("apps/one/sub/run", "x")
	require.NoError(t, os.Chmod(filepath.Join(r.dir, "apps/one/sub/run"), 0o700))
	require.NoError(t, os.Chmod(filepath.Join(r.dir, "apps/one/a"), 0o600))
	require.NoError(t, os.Symlink("a", filepath.Join(r.dir, "apps/one/link")))
	dir := t.TempDir()
	require.NoError(t, r.input().lay(dir, epoch))
	for name, mode := range map[string]os.FileMode{"a": 0o644, "sub/run": 0o755, "sub": 0o755 | os.ModeDir} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode(), name)
		require.True(t, info.ModTime().Equal(epoch), name)
	}
	target, err := os.Readlink(filepath.Join(dir, "link"))
	require.NoError(t, err)
	require.Equal(t, "a", target)
}
