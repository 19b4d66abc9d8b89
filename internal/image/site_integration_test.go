//go:build integration

package image

import (
	"bytes"
	"context"
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

// move copies images from one engine to another.
func move(t *testing.T, from, to *engine.Client, refs ...string) {
	t.Helper()
	r, err := from.Save(t.Context(), refs...)
	require.NoError(t, err)
	defer r.Close()
	_, err = to.Load(t.Context(), r, nil)
	require.NoError(t, err)
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
