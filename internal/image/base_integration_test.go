//go:build integration

package image

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/internal/env"
	"drydock/internal/testkit"
)

func baseSettings(t *testing.T) *env.Settings {
	t.Helper()
	s, err := env.Load(env.Source{Root: testkit.Root(t), Env: "dev", ReadOnly: true, Environ: os.Environ()})
	require.NoError(t, err)
	return s
}

// Stopped in the middle it leaves no half root and no temporary file.
func TestBootstrapCanceled(t *testing.T) {
	s := baseSettings(t)
	dir := t.TempDir()
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stopped by the test")
	_, err := bootstrap(ctx, s, "trixie", dir, writerFunc(func(p []byte) (int, error) {
		if bytes.Contains(p, []byte("apt-get update")) {
			cancel(stop)
		}
		return len(p), nil
	}))
	require.ErrorIs(t, err, stop)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestBootstrapWithoutMmdebstrap(t *testing.T) {
	s, err := env.Load(env.Source{Root: testkit.Root(t), Env: "dev", ReadOnly: true, Environ: []string{"PATH=" + t.TempDir(), "HOME=" + t.TempDir()}})
	require.NoError(t, err)
	_, err = bootstrap(t.Context(), s, "trixie", t.TempDir(), io.Discard)
	require.ErrorContains(t, err, "go tool mage setup")
}
