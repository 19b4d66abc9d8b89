package image

import (
	"context"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"

	"drydock/internal/env"
	"drydock/internal/run"
)

func never(rootSource) bool { return false }

func chooserFor(t *testing.T, mode, ref string) (*rootChooser, *strings.Builder) {
	t.Helper()
	var said strings.Builder
	s := &env.Settings{Root: t.TempDir(), Build: env.Build{Base: mode, TrixieImage: ref, ForkyImage: ref}}
	return newRootChooser(s, &said), &said
}

// registryWith serves one image as base:slim.
func registryWith(t *testing.T) (ref, digest string) {
	t.Helper()
	srv := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(srv.Close)
	ref = strings.TrimPrefix(srv.URL, "http://") + "/base:slim"
	img, err := random.Image(10, 1)
	require.NoError(t, err)
	parsed, err := name.ParseReference(ref)
	require.NoError(t, err)
	require.NoError(t, remote.Write(parsed, img))
	d, err := img.Digest()
	require.NoError(t, err)
	return ref, d.String()
}

func TestChooseRootWhereARegistryAnswers(t *testing.T) {
	ref, digest := registryWith(t)
	for _, mode := range []string{"auto", "registry"} {
		c, _ := chooserFor(t, mode, ref)
		got, err := c.choose(context.Background(), "trixie", never)
		require.NoError(t, err)
		require.Equal(t, rootSource{"trixie", ref + "@" + digest}, got, "a tag is pinned")
		text, err := os.ReadFile(c.lock.path)
		require.NoError(t, err)
		require.Contains(t, string(text), digest)

		// From now on the record decides, whatever the tag says and whoever answers.
		c.resolve = func(context.Context, string) (string, error) { return "", os.ErrDeadlineExceeded }
		got, err = c.choose(context.Background(), "trixie", func(r rootSource) bool { return r.Ref != "" })
		require.NoError(t, err)
		require.Equal(t, ref+"@"+digest, got.Ref)
	}
	// A digest in the setting needs no record.
	c, _ := chooserFor(t, "auto", ref+"@"+digest)
	got, err := c.choose(context.Background(), "forky", never)
	require.NoError(t, err)
	require.Equal(t, rootSource{"forky", ref + "@" + digest}, got)
	require.NoFileExists(t, c.lock.path)
}

func TestChooseRootWithoutARegistry(t *testing.T) {
	srv := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	gone := strings.TrimPrefix(srv.URL, "http://") + "/base:slim"
	srv.Close()

	c, said := chooserFor(t, "auto", gone)
	got, err := c.choose(context.Background(), "trixie", never)
	require.NoError(t, err)
	require.Equal(t, rootSource{Suite: "trixie"}, got)
	require.Contains(t, said.String(), "no registry answers")

	c, _ = chooserFor(t, "registry", gone)
	_, err = c.choose(context.Background(), "trixie", never)
	require.ErrorContains(t, err, "BASE_TRIXIE_IMAGE")
	require.ErrorContains(t, err, "BASE=debian")
	require.Equal(t, run.CodeMissing, run.Code(err))

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c, _ = chooserFor(t, "auto", gone)
	_, err = c.choose(ctx, "trixie", never)
	require.ErrorIs(t, err, context.Canceled)
}

// A base that is there stays: a registry that comes or goes must not rebuild everything,
// and a build with nothing to do must not wait for a network.
func TestChooseRootAsksNobodyForWhatIsThere(t *testing.T) {
	ask := func(context.Context, string) (string, error) {
		t.Error("the registry was asked")
		return "", os.ErrInvalid
	}
	c, _ := chooserFor(t, "auto", "example.org/base:slim")
	c.resolve = ask
	got, err := c.choose(context.Background(), "trixie", func(r rootSource) bool { return r.Ref == "" })
	require.NoError(t, err)
	require.Equal(t, rootSource{Suite: "trixie"}, got)

	pinned := "example.org/base:slim@sha256:" + strings.Repeat("a", 64)
	c, _ = chooserFor(t, "auto", pinned)
	c.resolve = ask
	got, err = c.choose(context.Background(), "trixie", func(rootSource) bool { return true })
	require.NoError(t, err)
	require.Equal(t, pinned, got.Ref, "the registry's has the preference")

	c, _ = chooserFor(t, "debian", pinned)
	c.resolve = ask
	got, err = c.choose(context.Background(), "trixie", never)
	require.NoError(t, err)
	require.Empty(t, got.Ref)
}

func TestBaseLockBroken(t *testing.T) {
	c, _ := chooserFor(t, "registry", "example.org/base:slim")
	require.NoError(t, os.MkdirAll(filepath.Dir(c.lock.path), 0o755))
	require.NoError(t, os.WriteFile(c.lock.path, []byte("{"), 0o644))
	_, err := c.choose(context.Background(), "trixie", never)
	require.ErrorContains(t, err, "base.lock.json")
}

func TestWithoutTag(t *testing.T) {
	for in, want := range map[string]string{
		"debian:trixie-slim":            "debian:trixie-slim",
		"debian:trixie-slim@sha256:aa":  "debian@sha256:aa",
		"localhost:5000/base@sha256:aa": "localhost:5000/base@sha256:aa",
		"localhost:5000/b:1@sha256:aa":  "localhost:5000/b@sha256:aa",
	} {
		require.Equal(t, want, withoutTag(in))
	}
}

func TestDebianSources(t *testing.T) {
	require.Equal(t, "deb http://m/debian trixie main\ndeb http://m/debian trixie-updates main\ndeb http://s/debian-security trixie-security main\n",
		DebianSources(env.Build{DebianMirror: "http://m/debian", SecurityMirror: "http://s/debian-security"}, "trixie"))
}

func TestMirrorSecrets(t *testing.T) {
	got := mirrorSecrets(env.Build{DebianMirror: "http://u:p%40ss@m/", GoProxy: "https://a,https://x:goes@b|direct", HTTPProxy: "http://proxy:1"})
	require.Subset(t, got, []string{"p@ss", "p%40ss", "goes"})
}

func TestNetFile(t *testing.T) {
	require.Equal(t, "DEBIAN_MIRROR='http://m/$x'\\''y'\nCHECK_VALID_UNTIL='false'\nGOPROXY='off'\n",
		netFile(env.Build{DebianMirror: "http://m/$x'y", GoProxy: "off"}))
}
