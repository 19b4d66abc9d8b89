//go:build integration

package image

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"drydock/internal/testkit"
)

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

// What was built before it was committed does not tell of its commit, and a clone of that
// would give another image.
func TestBuildAfterTheCommit(t *testing.T) {
	s := newSite(t)
	s.git("init", "-q", "-b", "main")
	s.write(".gitignore", ".drydock/\n.secrets/\n")
	s.settings.Image.Version = "v1"
	before := s.build(s.options())
	require.Empty(t, s.labels(before)[labelRevision])

	commit := s.commit("2026-02-03T04:05:06Z")
	after := s.build(s.options())
	require.True(t, after.Built)
	require.Equal(t, commit, s.labels(after)[labelRevision])
	require.NotEqual(t, before.Ref, after.Ref, "a tag never moves")
	again := s.build(s.options())
	require.False(t, again.Built)
	require.Equal(t, after.Ref, again.Ref)
	require.Equal(t, after.ID, again.ID)

	// A commit that has nothing to do with it.
	s.write("apps/other", "x")
	s.commit("2026-03-03T04:05:06Z")
	require.False(t, s.build(s.options()).Built)
}

func (s *site) labels(img Image) map[string]string {
	s.t.Helper()
	found, err := s.engine.Image(s.t.Context(), img.ID)
	require.NoError(s.t, err)
	return found.Labels
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
	below, err := s.engine.Image(t.Context(), testkit.ShellImage(t))
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"drydock.stands": `{"backend":{"from":"` + below.ID + `"}}`,
		"drydock.image":  "backend", "drydock.input": img.Input, "drydock.target": "prod",
		"org.opencontainers.image.title": "drydock backend", "org.opencontainers.image.created": "2026-02-03T04:05:06Z",
		"org.opencontainers.image.revision": commit, "org.opencontainers.image.version": "0.0.0-20260203040506-" + commit[:12],
	}, withoutTest(found.Labels))
	require.True(t, found.Created.Equal(time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)))
}

// On an engine that got only the finished image, what it was made from is neither there nor to be had.
func TestBuildKnowsAnImageOnAnotherEngine(t *testing.T) {
	s := newSite(t)
	first := s.build(s.options())
	h := testkit.NewHost(t)
	h.Give(first.Ref)
	there := s.options()
	there.Engine = h.Client()
	second := s.build(there)
	require.False(t, second.Built)
	require.Equal(t, first.ID, second.ID)
	require.Equal(t, first.Ref, second.Ref)
	require.NotContains(t, s.said.String(), "pulling")

	// Another input cannot be built there, and is not taken for it.
	s.write("apps/one/a", "changed")
	_, err := Build(t.Context(), there)
	require.Error(t, err)
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
