//go:build integration

package image

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/internal/testkit"
)

func TestBuildFailureSaysWhere(t *testing.T) {
	s := newSite(t)
	s.write("apps/one/Dockerfile", "FROM "+testkit.ShellImage(t)+" AS prod\nUSER 0:0\nRUN echo the reason >&2; exit 7\nHEALTHCHECK CMD [\"cat\"]\n")
	_, err := Build(t.Context(), s.options())
	require.ErrorContains(t, err, "backend")
	require.ErrorContains(t, err, "exit code: 7")
	require.Contains(t, s.said.String(), "the reason")
	s.nothingLeft()
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
