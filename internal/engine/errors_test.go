package engine

import (
	"fmt"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/stretchr/testify/assert"
)

// On a busy engine a removal that had timed out for the caller went on, and the image was gone
// between the engine's own look and its work: a build failed after it had succeeded.
func TestAnImageThatWentMeanwhileIsNotThere(t *testing.T) {
	c := &Client{}
	err := c.fail(fmt.Errorf("Error response from daemon: unrecognized image ID sha256:e742: %w", errdefs.ErrInternal), "removing image")
	assert.ErrorIs(t, err, ErrNotFound)
	err = c.fail(fmt.Errorf("Error response from daemon: the disk is broken: %w", errdefs.ErrInternal), "removing image")
	assert.NotErrorIs(t, err, ErrNotFound)
}
