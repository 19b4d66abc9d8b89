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
