package image

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/internal/run"
)

// repo is a checkout with one small image, apps/one.
type repo struct {
	t   *testing.T
	dir string
}

func newRepo(t *testing.T) repo {
	r := plainFolder(t)
	r.git("init", "-q", "-b", "main")
	return r
}

func plainFolder(t *testing.T) repo {
	r := repo{t, t.TempDir()}
	r.write("go.mod", "module drydock\n")
	r.write("apps/one/Dockerfile", "FROM scratch\nCOPY . /\n")
	r.write("apps/one/.dockerignore", "*.md\n")
	r.write("apps/one/a", "a")
	return r
}

func (r repo) environ() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.t.TempDir(), "GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@t", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@t"}
}

func (r repo) git(args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = r.dir, r.environ()
	out, err := cmd.CombinedOutput()
	require.NoError(r.t, err, "git %v: %s", args, out)
	return strings.TrimSpace(string(out))
}

func (r repo) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	require.NoError(r.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(r.t, os.WriteFile(path, []byte(text), 0o644))
}

func (r repo) commit(at string) string {
	r.t.Helper()
	r.git("add", "-A")
	cmd := exec.Command("git", "commit", "-q", "--allow-empty", "-m", "m")
	cmd.Dir, cmd.Env = r.dir, append(r.environ(), "GIT_AUTHOR_DATE="+at, "GIT_COMMITTER_DATE="+at)
	out, err := cmd.CombinedOutput()
	require.NoError(r.t, err, "%s", out)
	return r.git("rev-parse", "HEAD")
}

func (r repo) version() string {
	r.t.Helper()
	v, err := ReadVersion(context.Background(), r.dir, "", r.environ())
	require.NoError(r.t, err)
	require.Regexp(r.t, dockerTag, v.Tag)
	return v.Tag
}

func TestVersion(t *testing.T) {
	r := newRepo(t)
	require.Regexp(t, `^0\.0\.0-src\.[0-9a-f]{8}$`, r.version(), "no commit yet")
	r.commit("2026-01-01T00:00:00Z")
	require.Regexp(t, `^0\.0\.0-1-g[0-9a-f]{7}$`, r.version())
	r.git("tag", "v1.2.0")
	require.Equal(t, "v1.2.0", r.version())
	r.git("tag", "v1.2.0-rc.1")
	r.git("tag", "nightly")
	require.Equal(t, "v1.2.0", r.version(), "the release, not its candidate on the same commit")
	r.git("tag", "v1.10.0")
	require.Equal(t, "v1.10.0", r.version())
	r.git("tag", "-d", "v1.10.0", "v1.2.0-rc.1")
	r.write("docs/x", "x")
	commit := r.commit("2026-01-02T00:00:00Z")
	require.Equal(t, "v1.2.0-1-g"+commit[:7], r.version())

	// A tag on a branch that is not merged says nothing about this one.
	r.git("checkout", "-q", "-b", "other")
	r.commit("2026-01-03T00:00:00Z")
	r.git("tag", "v9.0.0")
	r.git("checkout", "-q", "main")
	require.Equal(t, "v1.2.0-1-g"+commit[:7], r.version())

	r.git("checkout", "-q", "--detach", "v1.2.0")
	require.Equal(t, "v1.2.0", r.version())
	r.git("tag", "-a", "-m", "m", "v2.0.0+build.1")
	require.Equal(t, "v2.0.0-build.1", r.version(), "fit for a Docker tag")
}

func TestVersionDirty(t *testing.T) {
	r := newRepo(t)
	r.commit("2026-01-01T00:00:00Z")
	r.git("tag", "v1.0.0")
	seen := map[string]bool{"v1.0.0": true}
	fresh := func() {
		t.Helper()
		v := r.version()
		require.Regexp(t, `^v1\.0\.0-dirty\.[0-9a-f]{8}$`, v)
		require.False(t, seen[v], "%s is not new", v)
		seen[v] = true
		require.Equal(t, v, r.version(), "the same content again")
	}
	// The only change is the first line of `git status`, which begins with a blank.
	r.write("apps/one/a", "b")
	fresh()
	r.write("apps/one/a", "c")
	fresh()
	r.git("add", "-A")
	fresh()
	r.write("apps/one/with blank and \"quote\"", "1")
	fresh()
	r.write("apps/one/with blank and \"quote\"", "2")
	fresh()
	require.NoError(t, os.Remove(filepath.Join(r.dir, "apps/one/a")))
	fresh()
	r.git("reset", "-q", "--hard")
	r.git("clean", "-fdq")
	require.Equal(t, "v1.0.0", r.version())
	r.git("mv", "apps/one/a", "apps/one/z")
	fresh()
}

func TestVersionWithoutGit(t *testing.T) {
	a, b := plainFolder(t), plainFolder(t)
	require.Regexp(t, `^0\.0\.0-src\.[0-9a-f]{8}$`, a.version())
	require.Equal(t, a.version(), b.version(), "the same content in another folder")
	b.write("apps/one/a", "b")
	require.NotEqual(t, a.version(), b.version())

	// A machine without git.
	v, err := ReadVersion(context.Background(), a.dir, "", []string{"PATH=" + t.TempDir()})
	require.NoError(t, err)
	require.Equal(t, a.version(), v.Tag)

	// A copy inside of somebody's repository is not what that repository describes.
	outer := newRepo(t)
	outer.commit("2026-01-01T00:00:00Z")
	outer.git("tag", "v7.0.0")
	outer.write(".gitignore", "copy\n")
	inner := repo{t, filepath.Join(outer.dir, "copy")}
	inner.write("go.mod", "module drydock\n")
	require.Contains(t, inner.version(), "0.0.0-src.")
}

func TestVersionOfPartOfRepository(t *testing.T) {
	outer := newRepo(t)
	inner := repo{t, filepath.Join(outer.dir, "product")}
	inner.write("go.mod", "module drydock\n")
	outer.commit("2026-01-01T00:00:00Z")
	outer.git("tag", "v7.0.0")
	require.Equal(t, "v7.0.0", inner.version())
	outer.write("elsewhere", "x")
	require.Equal(t, "v7.0.0", inner.version(), "not our part of it")
	inner.write("x", "1")
	one := inner.version()
	inner.write("x", "2")
	require.NotEqual(t, one, inner.version())
}

func TestVersionShallowAndWorktree(t *testing.T) {
	r := newRepo(t)
	r.commit("2026-01-01T00:00:00Z")
	r.git("tag", "v1.0.0")
	r.write("x", "1")
	commit := r.commit("2026-01-02T00:00:00Z")

	shallow := repo{t, filepath.Join(t.TempDir(), "clone")}
	r.git("clone", "-q", "--depth=1", "file://"+r.dir, shallow.dir)
	require.Equal(t, "0.0.0-g"+commit[:7], shallow.version())

	tree := repo{t, filepath.Join(t.TempDir(), "tree")}
	r.git("worktree", "add", "-q", tree.dir, "v1.0.0")
	require.Equal(t, "v1.0.0", tree.version())

	// Inside of a hook git points its children to one repository.
	v, err := ReadVersion(context.Background(), tree.dir, "", append(tree.environ(), "GIT_DIR="+filepath.Join(r.dir, ".git"), "GIT_INDEX_FILE=/nowhere"))
	require.NoError(t, err)
	require.Equal(t, "v1.0.0", v.Tag)
}

func TestVersionSetting(t *testing.T) {
	r := newRepo(t)
	commit := r.commit("2026-01-01T00:00:00Z")
	v, err := ReadVersion(context.Background(), r.dir, "2026.07", r.environ())
	require.NoError(t, err)
	require.Equal(t, Version{Tag: "2026.07", Revision: commit}, v)
	for _, bad := range []string{"a b", "-x", ".x", strings.Repeat("x", 129), "é"} {
		_, err := ReadVersion(context.Background(), r.dir, bad, r.environ())
		require.ErrorContains(t, err, "VERSION")
		require.Equal(t, run.CodeBadInput, run.Code(err))
	}
}

func TestVersionCanceled(t *testing.T) {
	r := newRepo(t)
	r.commit("2026-01-01T00:00:00Z")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := ReadVersion(ctx, r.dir, "", r.environ())
	require.ErrorIs(t, err, context.Canceled)
}

// git refuses a repository that belongs to somebody else (CVE-2022-24765).
func TestVersionForeignOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Log("only root can give a file away; this checks the owner's own case")
	}
	r := newRepo(t)
	r.commit("2026-01-01T00:00:00Z")
	r.git("tag", "v1.0.0")
	if os.Getuid() == 0 {
		require.NoError(t, filepath.WalkDir(r.dir, func(path string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(path, 12345, 12345)
		}))
	}
	require.Equal(t, "v1.0.0", r.version())
}
