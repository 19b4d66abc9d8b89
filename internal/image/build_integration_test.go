//go:build integration

package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/testkit"
)

// Strings that stand for the network around a build. None of them may be found in what
// it makes.
const (
	canaryMirror = "http://canary-mirror.invalid/debian"
	canaryProxy  = "http://canary-user:canary-password@canary-proxy.invalid:3128"
	canaryCA     = "canary certificate authority"
)

// site is a small checkout with one app, and its own prefix for image names.
type site struct {
	repo
	settings *env.Settings
	engine   *engine.Client
	said     *bytes.Buffer
}

const siteDockerfile = `FROM %BASE% AS dev
HEALTHCHECK CMD ["cat"]
CMD ["cat"]
FROM %BASE% AS prod
USER 0:0
COPY . /app/
RUN --mount=type=secret,id=net --mount=type=secret,id=ca \
    grep -q c.nary-mirror /run/secrets/net && grep -q c.nary /run/secrets/ca && echo made > /made
HEALTHCHECK CMD ["cat", "/made"]
CMD ["cat"]
`

func newSite(t *testing.T) *site {
	t.Helper()
	r := plainFolder(t)
	r.write("apps/one/Dockerfile", strings.ReplaceAll(siteDockerfile, "%BASE%", testkit.ShellImage(t)))
	r.write("ca.pem", canaryCA)
	r.write("env/dev.env", "")
	r.write("env/prod.env", "MODE=dev\n")
	src := env.Source{Root: r.dir, Env: "prod", ReadOnly: true, Environ: append(r.environ(),
		"IMAGE_PREFIX="+testkit.Name(t, "build"), "PROJECT="+testkit.Name(t, "build"), "DB_PASSWORD=a-password-long-enough-1", "REDIS_PASSWORD=a-password-long-enough-2",
		"BACKEND_CONTEXT=apps/one", "BACKEND_DOCKERFILE=apps/one/Dockerfile", "FRONTEND_IMAGE=nobody/asks", "BASE=debian",
		"DEBIAN_MIRROR="+canaryMirror, "HTTP_PROXY="+canaryProxy, "EXTRA_CA="+filepath.Join(r.dir, "ca.pem"),
		// An engine whose bridge has no way out builds all the same.
		"BUILD_NETWORK=host", "NO_COLOR=1")}
	s, err := env.Load(src)
	require.NoError(t, err)
	site := &site{repo: r, settings: s, engine: testkit.Engine(t), said: &bytes.Buffer{}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("narration:\n%s", site.said)
		}
		site.removeImages(t, site.engine)
	})
	return site
}

// removeImages removes every image of this test: they have a prefix of their own.
func (s *site) removeImages(t *testing.T, e *engine.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	list, err := e.Images(ctx, engine.Filter{Names: []string{s.settings.Image.Prefix + "/*"}})
	require.NoError(t, err)
	for _, img := range list {
		for _, tag := range img.Tags {
			if strings.HasPrefix(tag, s.settings.Image.Prefix+"/") {
				require.NoError(t, e.RemoveImage(ctx, tag))
			}
		}
	}
}

func (s *site) options() BuildOptions {
	return BuildOptions{Settings: s.settings, Engine: s.engine, Err: s.said, Names: []string{Backend}, Stage: StageProd}
}

func (s *site) build(o BuildOptions) Image {
	s.t.Helper()
	list, err := Build(s.t.Context(), o)
	require.NoError(s.t, err)
	require.Len(s.t, list, 1)
	return list[0]
}

func TestBuildOnceThenNeverAgain(t *testing.T) {
	s := newSite(t)
	first := s.build(s.options())
	require.True(t, first.Built)
	require.Regexp(t, `^`+s.settings.Image.Prefix+`/backend:0\.0\.0-src\.[0-9a-f]{8}$`, first.Ref)
	start := time.Now()
	second := s.build(s.options())
	require.False(t, second.Built)
	require.Equal(t, first.ID, second.ID)
	require.Equal(t, first.Ref, second.Ref)
	require.Less(t, time.Since(start), 5*time.Second)

	// A file that is not a part of the image: another version, the same image.
	s.write("apps/README.md", "x")
	third := s.build(s.options())
	require.False(t, third.Built)
	require.Equal(t, first.ID, third.ID)
	require.NotEqual(t, first.Ref, third.Ref)

	// Back again: the tag that is there stays where it is.
	require.NoError(t, os.Remove(filepath.Join(s.dir, "apps/README.md")))
	require.Equal(t, first.Ref, s.build(s.options()).Ref)

	// An edit is noticed; nothing of the work stays behind.
	s.write("apps/one/a", "changed")
	fourth := s.build(s.options())
	require.True(t, fourth.Built)
	require.NotEqual(t, first.ID, fourth.ID)
	s.nothingLeft()

	// The dev stage copies nothing, so it doesn't notice.
	dev := s.options()
	dev.Stage = StageDev
	one := s.build(dev)
	require.Equal(t, StageDev, one.Target)
	s.write("apps/one/a", "changed again")
	require.False(t, s.build(dev).Built)
}

// nothingLeft checks that builds left no folder and no working name.
func (s *site) nothingLeft() {
	s.t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.dir, ".drydock", "build"))
	require.NoError(s.t, err)
	require.Empty(s.t, entries)
	list, err := s.engine.Images(context.Background(), engine.Filter{Names: []string{s.settings.Image.Prefix + "/*:" + working + "*"}})
	require.NoError(s.t, err)
	require.Empty(s.t, list)
}

// Tags are immutable: the same version with another input gets a tag of its own.
func TestBuildVersionIsTaken(t *testing.T) {
	s := newSite(t)
	s.settings.Image.Version = "v1.0.0"
	first := s.build(s.options())
	require.Equal(t, s.settings.Image.Prefix+"/backend:v1.0.0", first.Ref)
	s.write("apps/one/a", "changed")
	second := s.build(s.options())
	require.Equal(t, s.settings.Image.Prefix+"/backend:v1.0.0-"+second.Input[:8], second.Ref)
	still, err := s.engine.Image(t.Context(), first.Ref)
	require.NoError(t, err)
	require.Equal(t, first.ID, still.ID)
}

func TestBuildIsReproducible(t *testing.T) {
	s := newSite(t)
	o := s.options()
	o.NoCache = true
	first := s.build(o)
	// Other times on the disk, as in another checkout.
	past := time.Now().Add(-72 * time.Hour)
	require.NoError(t, os.Chtimes(filepath.Join(s.dir, "apps/one/a"), past, past))
	require.NoError(t, os.Chmod(filepath.Join(s.dir, "apps/one/a"), 0o600))
	again := s.build(o)
	require.True(t, again.Built)
	require.Equal(t, first.ID, again.ID)

	// On another engine with an empty cache, from a copy of the sources.
	to := second(t)
	other := newSite(t)
	other.engine = to
	move(t, s.engine, other.engine, testkit.ShellImage(t))
	other.settings.Image.Prefix = s.settings.Image.Prefix
	third := other.build(other.options())
	require.True(t, third.Built)
	require.Equal(t, first.ID, third.ID)
}

// move copies images from one engine to another.
func move(t *testing.T, from, to *engine.Client, refs ...string) {
	t.Helper()
	r, err := from.Save(t.Context(), refs...)
	require.NoError(t, err)
	defer r.Close()
	_, err = to.Load(t.Context(), r, nil)
	require.NoError(t, err)
}

func TestBuildLeavesNoTraceOfTheNetwork(t *testing.T) {
	s := newSite(t)
	img := s.build(s.options())
	r, err := s.engine.Save(t.Context(), img.Ref)
	require.NoError(t, err)
	defer r.Close()
	archive, err := io.ReadAll(r) // layers are plain tars in it, configuration and history as well
	require.NoError(t, err)
	require.True(t, bytes.Contains(archive, []byte("made\n")), "the layers can be searched")
	for _, canary := range []string{"canary", s.dir} {
		if i := bytes.Index(archive, []byte(canary)); i >= 0 {
			t.Errorf("%s is in the image: %q", canary, archive[max(0, i-200):min(len(archive), i+200)])
		}
	}
	require.NotContains(t, s.said.String(), "canary-password")
	history, err := s.engine.History(t.Context(), img.ID)
	require.NoError(t, err)
	for _, step := range history {
		require.NotContains(t, step.CreatedBy, "canary")
	}
}

func TestBuildLabels(t *testing.T) {
	s := newSite(t)
	s.git("init", "-q", "-b", "main")
	s.write(".gitignore", ".drydock/\n.secrets/\n")
	commit := s.commit("2026-02-03T04:05:06Z")
	s.git("tag", "v3.0.0")
	img := s.build(s.options())
	require.Equal(t, s.settings.Image.Prefix+"/backend:v3.0.0", img.Ref)
	found, err := s.engine.Image(t.Context(), img.ID)
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"drydock.image": "backend", "drydock.input": img.Input, "drydock.target": "prod",
		"org.opencontainers.image.title": "drydock backend", "org.opencontainers.image.created": "2026-02-03T04:05:06Z",
		"org.opencontainers.image.revision": commit, "org.opencontainers.image.version": "0.0.0-20260203040506-" + commit[:12],
	}, withoutTest(found.Labels))
	require.True(t, found.Created.Equal(time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)))
}

// withoutTest leaves out the labels of the image that the test builds on.
func withoutTest(labels map[string]string) map[string]string {
	for k := range labels {
		if strings.HasPrefix(k, "drydock.test") {
			delete(labels, k)
		}
	}
	return labels
}

func TestBuildFailureSaysWhere(t *testing.T) {
	s := newSite(t)
	s.write("apps/one/Dockerfile", "FROM "+testkit.ShellImage(t)+" AS prod\nUSER 0:0\nRUN echo the reason >&2; exit 7\nHEALTHCHECK CMD [\"cat\"]\n")
	_, err := Build(t.Context(), s.options())
	require.ErrorContains(t, err, "backend")
	require.ErrorContains(t, err, "exit code: 7")
	require.Contains(t, s.said.String(), "the reason")
	s.nothingLeft()
}

// With BUILD_NETWORK=host a step is in this machine's network, where it sees our port.
func TestBuildNetworkHost(t *testing.T) {
	s := newSite(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	port, err := netip.ParseAddrPort(l.Addr().String())
	require.NoError(t, err)
	// State 0A is "listening", see proc_net_tcp(5).
	s.write("apps/one/Dockerfile", fmt.Sprintf("FROM %s AS prod\nUSER 0:0\nRUN grep -q ':%04X 00000000:0000 0A' /proc/net/tcp\nHEALTHCHECK CMD [\"cat\"]\n",
		testkit.ShellImage(t), port.Port()))
	require.True(t, s.build(s.options()).Built)

	s.settings.Build.Network = "default"
	o := s.options()
	o.NoCache = true
	_, err = Build(t.Context(), o)
	require.ErrorContains(t, err, "exit code: 1")
}

func TestBuildCanceled(t *testing.T) {
	s := newSite(t)
	// It says when it runs, and runs until it is stopped.
	s.write("apps/one/Dockerfile", "FROM "+testkit.ShellImage(t)+" AS prod\nUSER 0:0\nRUN echo running; sleep 600\nHEALTHCHECK CMD [\"cat\"]\n")
	ctx, cancel := context.WithCancelCause(t.Context())
	o := s.options()
	stop := errors.New("stopped by the test")
	o.Err = writerFunc(func(p []byte) (int, error) {
		if bytes.Contains(p, []byte(" running")) {
			cancel(stop)
		}
		return len(p), nil
	})
	_, err := Build(ctx, o)
	require.ErrorIs(t, err, stop)
	s.nothingLeft()
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// A build that was killed leaves its folder and working names: the next one clears them.
func TestBuildClearsUpAfterAKilledOne(t *testing.T) {
	s := newSite(t)
	dead := filepath.Join(s.dir, ".drydock", "build", "123")
	require.NoError(t, os.MkdirAll(dead, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dead, "lock"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dead, "net"), []byte("secret"), 0o600))
	require.NoError(t, s.engine.Tag(t.Context(), testkit.ShellImage(t), s.settings.Image.Prefix+"/backend:"+working+"123"))
	s.build(s.options())
	s.nothingLeft()
}

// basecamp/kamal 1655: leftovers of rebuilds fill the disk. Ours go; a stranger's stay,
// even one that was built on ours and so inherited its labels.
func TestBuildRemovesItsOwnLeftovers(t *testing.T) {
	s := newSite(t)
	s.settings.Image.Version = "v1"
	first := s.build(s.options())
	rootfs, err := engine.Tar(engine.File{Name: "x", Mode: 0o644, Data: []byte(s.settings.Image.Prefix)})
	require.NoError(t, err)
	stranger, err := s.engine.Import(t.Context(), rootfs, engine.ImportOptions{Labels: testkit.Labels(t)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.engine.RemoveImage(context.Background(), stranger)) })

	s.write("apps/one/a", "changed")
	require.NoError(t, s.engine.Tag(t.Context(), stranger, first.Ref)) // the first one loses its only name
	s.build(s.options())
	_, err = s.engine.Image(t.Context(), first.ID)
	require.ErrorIs(t, err, engine.ErrNotFound)
	_, err = s.engine.Image(t.Context(), stranger)
	require.NoError(t, err)

	// A stranger's image on top of ours, without a name.
	second := s.build(s.options())
	made, err := save(t.Context(), s.engine, second.Ref)
	require.NoError(t, err)
	defer made.Close()
	more := layerOf(tarOf(t, file{name: "theirs", data: s.settings.Image.Prefix}))
	onTop, err := withLayer(&made.content, more)
	require.NoError(t, err)
	var archive bytes.Buffer
	_, _, err = writeArchive(&archive, onTop, nil, nil)
	require.NoError(t, err)
	_, err = s.engine.Load(t.Context(), &archive, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.engine.RemoveImage(context.Background(), onTop.ID())) })
	s.write("apps/one/a", "changed again")
	require.True(t, s.build(s.options()).Built)
	_, err = s.engine.Image(t.Context(), onTop.ID())
	require.NoError(t, err)
}

// withLayer puts a layer on an image, as building on it does.
func withLayer(c *content, l blob) (*content, error) {
	var cfg map[string]any
	if err := json.Unmarshal(c.Config, &cfg); err != nil {
		return nil, err
	}
	out := &content{Layers: append(append([]blob(nil), c.Layers...), l)}
	var ids []any
	for _, l := range out.Layers {
		ids = append(ids, l.DiffID)
	}
	cfg["rootfs"] = map[string]any{"type": "layers", "diff_ids": ids}
	delete(cfg, "history")
	cfg["created"] = time.Now().UTC().Format(time.RFC3339Nano)
	var err error
	out.Config, err = json.Marshal(cfg)
	return out, err
}

// An app without a health check gets the probe; here a ready one stands in for it.
func TestBuildReadyImage(t *testing.T) {
	s := newSite(t)
	s.settings.Backend.Image = s.build(s.options()).Ref
	got := s.build(s.options())
	require.True(t, got.Foreign)
	require.False(t, got.Built)
	require.Equal(t, s.settings.Backend.Image, got.Ref)
}

// What is built on an image of ours inherits its labels, and must not be taken for it: a
// toolchain's name once ended up on a backend.
func TestBuildIsNotMistakenForItsBase(t *testing.T) {
	s := newSite(t)
	first := s.build(s.options())
	made, err := save(t.Context(), s.engine, first.Ref)
	require.NoError(t, err)
	defer made.Close()

	// A stranger's: more layers, or only another user; newer, so that it is listed first.
	layered, err := withLayer(&made.content, layerOf(tarOf(t, file{name: "theirs", data: s.settings.Image.Prefix})))
	require.NoError(t, err)
	for i, c := range []*content{layered, &made.content} {
		var cfg map[string]any
		require.NoError(t, json.Unmarshal(c.Config, &cfg))
		cfg["created"] = time.Now().UTC().Format(time.RFC3339)
		cfg["config"].(map[string]any)["User"] = "10001"
		theirs := &content{Layers: c.Layers}
		theirs.Config, err = json.Marshal(cfg)
		require.NoError(t, err)
		var archive bytes.Buffer
		_, _, err = writeArchive(&archive, theirs, []string{fmt.Sprintf("%s/theirs:%d", s.settings.Image.Prefix, i)}, nil)
		require.NoError(t, err)
		_, err = s.engine.Load(t.Context(), &archive, nil)
		require.NoError(t, err)
	}
	again := s.build(s.options())
	require.False(t, again.Built)
	require.Equal(t, first.ID, again.ID)
	named, err := s.engine.Image(t.Context(), first.Ref)
	require.NoError(t, err)
	require.Equal(t, first.ID, named.ID, "the name has not moved")

	// Ours on the way: BuildKit has made it, it is not normalised yet.
	s.write("apps/one/Dockerfile", "FROM "+first.Ref+" AS prod\nUSER 0:0\nCOPY a /more\nHEALTHCHECK CMD [\"cat\"]\n")
	looked := false
	o := s.options()
	o.Engine = loadHook{s.engine, func() {
		looked = true
		list, err := s.engine.Images(t.Context(), engine.Filter{Names: []string{s.settings.Image.Prefix + "/*:" + working + "*"}})
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, "unfinished", list[0].Labels[labelImage])
		require.Empty(t, list[0].Labels[labelInput])
	}}
	require.True(t, s.build(o).Built)
	require.True(t, looked)
}

// loadHook calls back before the normalised image is loaded.
type loadHook struct {
	*engine.Client
	before func()
}

func (h loadHook) Load(ctx context.Context, archive io.Reader, progress func(string)) ([]string, error) {
	h.before()
	return h.Client.Load(ctx, archive, progress)
}
