//go:build integration && long

package image

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/testkit"
)

// The real backend and frontend, built on two engines from two copies of the sources,
// each without any cache, are the same images. The second engine gets only what they
// are built on.
func TestRealAppsAreReproducible(t *testing.T) {
	first := testkit.Engine(t)
	host := testkit.NewHost(t)
	second := host.Client()
	prefix := testkit.Name(t, "twice")

	a := productSite(t, first, prefix)
	groundwork := a.builds(BuildOptions{Names: []string{"base-trixie", "base-forky", "toolchain-go", "toolchain-node", "nginx-base", "probe"}})
	for _, img := range groundwork {
		move(t, first, second, img.Ref)
	}
	// The way to the packages is another one, too.
	proxy := host.Proxy()
	b := productSite(t, second, prefix, "HTTP_PROXY="+proxy, "HTTPS_PROXY="+proxy)
	apps := BuildOptions{Names: []string{Backend, Frontend}, Stage: StageProd, NoCache: true}
	one, two := a.builds(apps), b.builds(apps)
	for i := range one {
		require.True(t, one[i].Built && two[i].Built)
		require.Equal(t, one[i].Input, two[i].Input, one[i].Name)
		require.Equal(t, one[i].ID, two[i].ID, one[i].Name)
	}
	// Again from what the first engine's cache holds, of these builds and of earlier ones.
	a.removeApps(one)
	warm := a.builds(BuildOptions{Names: []string{Backend, Frontend}, Stage: StageProd})
	for i := range one {
		require.True(t, warm[i].Built)
		require.Equal(t, one[i].ID, warm[i].ID, "%s of a warm cache", one[i].Name)
	}
	// Nothing of the network of the build is in them.
	for _, img := range one {
		archive := new(bytes.Buffer)
		r, err := first.Save(t.Context(), img.Ref)
		require.NoError(t, err)
		_, err = archive.ReadFrom(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		for _, trace := range []string{a.dir, b.dir, proxy, "/run/secrets/net", "canary"} {
			require.False(t, img.Name == Backend && bytes.Contains(archive.Bytes(), []byte(trace)), "%s has %s", img.Name, trace)
		}
	}
	sizes := map[string]int64{}
	for _, img := range one {
		sizes[img.Name] = img.Size
	}
	require.Less(t, sizes[Backend], int64(20_000_000), "the backend's image stays small")
	base := groundwork[slices.IndexFunc(groundwork, func(i Image) bool { return i.Name == "nginx-base" })]
	require.Less(t, sizes[Frontend]-base.Size, int64(1_000_000), "the frontend's own layers stay small")
}

// productSite is a copy of the product's own sources, without git.
func productSite(t *testing.T, e *engine.Client, prefix string, settings ...string) *site {
	t.Helper()
	r := repo{t, t.TempDir()}
	root := testkit.Root(t)
	for _, name := range []string{"apps", "docker", "env", "cmd", "go.mod"} {
		copyTree(t, filepath.Join(root, name), filepath.Join(r.dir, name))
	}
	// An input of its own: the product's real images may be on the engine, and would do.
	for file, comment := range map[string]string{"apps/backend/main.go": "\n// " + prefix + "\n", "apps/frontend/index.html": "<!-- " + prefix + " -->\n"} {
		path := filepath.Join(r.dir, filepath.FromSlash(file))
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, append(content, comment...), 0o644))
	}
	s, err := env.Load(env.Source{Root: r.dir, Env: "dev", ReadOnly: true, Environ: append(append(os.Environ(),
		"IMAGE_PREFIX="+prefix, "BUILD_NETWORK=host", "BASE=debian", "NO_COLOR=1"), settings...)})
	require.NoError(t, err)
	made := &site{repo: r, settings: s, engine: e, said: &bytes.Buffer{}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("narration:\n%s", made.said)
		}
		made.removeImages(t, e)
	})
	return made
}

func (s *site) builds(o BuildOptions) []Image {
	s.t.Helper()
	o.Settings, o.Engine, o.Err = s.settings, s.engine, s.said
	list, err := Build(s.t.Context(), o)
	require.NoError(s.t, err)
	return list
}

// removeApps removes images and keeps what they were built from.
func (s *site) removeApps(list []Image) {
	s.t.Helper()
	for _, img := range list {
		require.NoError(s.t, s.engine.RemoveImage(s.t.Context(), img.Ref))
	}
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == "dist") {
			return filepath.SkipDir
		}
		if d.IsDir() || !d.Type().IsRegular() {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.WriteFile(target, data, info.Mode().Perm())
	}))
}
