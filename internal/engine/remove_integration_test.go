//go:build integration

package engine_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"drydock/internal/engine"
	"drydock/internal/testkit"
)

// Two who remove the same container do not fail for each other, and both return when it is gone.
func TestRemovingAtOnce(t *testing.T) {
	e, shell := testkit.Engine(t), testkit.ShellImage(t)
	for range 4 {
		id := testkit.Start(t, engine.Spec{Image: shell, Cmd: []string{"sh", "-c", "dd if=/dev/zero of=/tmp/x bs=1M count=8; sleep 600"}})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				assert.NoError(t, e.Remove(t.Context(), id))
				_, err := e.Container(t.Context(), id)
				assert.True(t, errors.Is(err, engine.ErrNotFound), "%v", err)
			})
		}
		wg.Wait()
	}
}
