package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"drydock/internal/gateway/render"
)

// TestImage renders the image's own configuration with the settings, has nginx check it
// and returns what nginx said. It needs no running supervisor, no network and no
// members, and leaves nothing behind.
func TestImage(ctx context.Context, set Settings) (said string, err error) {
	if err := os.MkdirAll(set.Paths.Run, 0o755); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(set.Paths.Run, "test-*")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// nginx opens its logs while it checks: without a supervisor there is no pipe, and it
	// would leave a plain file in its place.
	pipe := filepath.Join(set.Paths.Run, filepath.Base(render.RequestPipe))
	if _, statErr := os.Lstat(pipe); errors.Is(statErr, os.ErrNotExist) {
		defer func() { _ = os.Remove(pipe) }()
	}
	g := &generations{run: dir, render: func(st render.State) (map[string][]byte, error) { return render.Files(set.Values, st) }}
	st := State{Active: set.Values.First, Generation: 1}
	if err := g.make(set.Paths.Image, renderState(st, certificateThere(set.Values))); err != nil {
		return "", fmt.Errorf("testing the configuration: %w", err)
	}
	return testConfig(ctx, g.dir(1))
}

func certificateThere(v render.Values) bool {
	cert, key := v.CertFiles()
	if cert == "" {
		return false
	}
	_, err1 := os.Stat(cert)
	_, err2 := os.Stat(key)
	return err1 == nil && err2 == nil
}
