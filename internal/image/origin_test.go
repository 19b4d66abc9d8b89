package image

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func (r repo) origin() (origin, string) {
	r.t.Helper()
	in, err := readInput(r.dir, recipe{Name: "one", Context: "apps/one", Dockerfile: "apps/one/Dockerfile"}, StageProd)
	require.NoError(r.t, err)
	o, err := originOf(context.Background(), r.dir, r.environ(), in, in.Hash())
	require.NoError(r.t, err)
	return o, in.Hash()
}

func TestOriginIsTheLastChangeOfTheInput(t *testing.T) {
	r := newRepo(t)
	r.commit("2026-01-01T00:00:00Z")
	r.write("apps/one/a", "b")
	commit := r.commit("2026-02-03T04:05:06Z")
	want := origin{Revision: commit, Version: "0.0.0-20260203040506-" + commit[:12], Time: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)}
	got, _ := r.origin()
	require.Equal(t, want, got)

	// Neither of these is a part of the image; it must get the same id afterwards.
	r.write("apps/one/README.md", "left out by .dockerignore")
	r.write("docs/x", "x")
	r.commit("2026-03-01T00:00:00Z")
	r.git("tag", "v1.0.0")
	r.write("apps/one/more.md", "not committed")
	got, _ = r.origin()
	require.Equal(t, want, got)

	// A clone has it, a shallow one can't know it.
	clone := repo{t, filepath.Join(t.TempDir(), "clone")}
	r.git("clone", "-q", r.dir, clone.dir)
	got, _ = clone.origin()
	require.Equal(t, want, got)
	shallow := repo{t, filepath.Join(t.TempDir(), "shallow")}
	r.git("clone", "-q", "--depth=1", "file://"+r.dir, shallow.dir)
	got, hash := shallow.origin()
	require.Empty(t, got.Revision)
	require.Equal(t, "0.0.0-src."+hash[:8], got.Version)

	// A deletion is a change, too.
	r.write("apps/one/gone", "x")
	r.commit("2026-04-01T00:00:00Z")
	r.git("rm", "-q", "apps/one/gone")
	deletion := r.commit("2026-05-01T00:00:00Z")
	got, _ = r.origin()
	require.Equal(t, deletion, got.Revision)

	// So is a merge, on the branch that it is merged into.
	r.git("checkout", "-q", "-b", "side", "HEAD~1")
	r.write("apps/one/side", "x")
	r.commit("2026-06-01T00:00:00Z")
	r.git("checkout", "-q", "main")
	r.git("merge", "-q", "--no-ff", "-m", "m", "side")
	got, _ = r.origin()
	require.Equal(t, r.git("rev-parse", "HEAD"), got.Revision)
}

// The checkout may be a part of a larger repository, whose git names files from its top, and which may be
// a shallow clone.
func TestOriginInALargerRepository(t *testing.T) {
	whole := repo{t, t.TempDir()}
	whole.git("init", "-q", "-b", "main")
	part := repo{t, filepath.Join(whole.dir, "operations here")}
	for name, text := range map[string]string{"apps/one/Dockerfile": "FROM scratch\nCOPY . /\n", "apps/one/a": "a"} {
		part.write(name, text)
	}
	commit := whole.commit("2026-01-01T00:00:00Z")
	whole.write("apps/one/a", "of another product")
	whole.commit("2026-02-01T00:00:00Z")
	got, _ := part.origin()
	require.Equal(t, commit, got.Revision)

	shallow := repo{t, filepath.Join(t.TempDir(), "shallow")}
	whole.git("clone", "-q", "--depth=1", "file://"+whole.dir, shallow.dir)
	got, _ = repo{t, filepath.Join(shallow.dir, "operations here")}.origin()
	require.Empty(t, got.Revision)

	part.write("apps/one/a", "b")
	got, _ = part.origin()
	require.Empty(t, got.Revision)
}

// Without a commit the time still differs between two inputs: nginx tells a changed file
// from time and size, and index.html often keeps its size.
func TestOriginWithoutCommit(t *testing.T) {
	r := newRepo(t)
	r.commit("2026-01-01T00:00:00Z")
	clean, _ := r.origin()
	seen := map[time.Time]bool{clean.Time: true}
	unknown := func() {
		t.Helper()
		got, hash := r.origin()
		require.Empty(t, got.Revision)
		require.Equal(t, "0.0.0-src."+hash[:8], got.Version)
		require.False(t, seen[got.Time])
		require.WithinRange(t, got.Time, sourceEpoch, sourceEpoch.AddDate(1, 0, 0))
		seen[got.Time] = true
		again, _ := r.origin()
		require.Equal(t, got, again)
	}
	r.write("apps/one/a", "1")
	unknown()
	r.write("apps/one/a", "2")
	unknown()
	r.git("add", "-A") // staged is not committed
	r.write("apps/one/b", "2")
	unknown()
	r.git("reset", "-q", "--hard")
	r.git("clean", "-fdq")
	got, _ := r.origin()
	require.Equal(t, clean, got)
	r.write(".gitignore", "*.env\n")
	r.commit("2026-01-02T00:00:00Z")
	r.write("apps/one/local.env", "ignored by git, yet a part of the context")
	unknown()

	a, hashA := plainFolder(t).origin()
	b, hashB := plainFolder(t).origin()
	require.Equal(t, hashA, hashB)
	require.Equal(t, a, b)
}
