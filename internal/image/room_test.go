package image

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"drydock/internal/engine"
)

// noImages is an engine on which no build has left anything.
type noImages struct{ Builder }

func (noImages) Images(context.Context, engine.Filter) ([]engine.Image, error) { return nil, nil }

// Builds that begin at once clear up after dead ones, and never after each other.
func TestRoomsOfBuildsThatBeginAtOnce(t *testing.T) {
	parent := t.TempDir()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				r, err := newRoom(t.Context(), parent, noImages{}, "drydock")
				if !assert.NoError(t, err) {
					return
				}
				assert.NoError(t, os.WriteFile(filepath.Join(r.dir, "context"), nil, 0o600))
				assert.FileExists(t, filepath.Join(r.dir, "lock"))
				assert.NoError(t, r.Close())
			}
		})
	}
	wg.Wait()
	left, err := os.ReadDir(parent)
	assert.NoError(t, err)
	assert.Empty(t, left)
}
