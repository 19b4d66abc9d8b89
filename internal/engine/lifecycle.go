package engine

import (
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
)

// Start starts a created or stopped container.
func (c *Client) Start(ctx context.Context, id string) error {
	return c.fail(c.api.ContainerStart(ctx, id, container.StartOptions{}), "starting container %s", short(id))
}

// Stop asks the container to end and kills it after grace; with a grace of 0 the
// container's own setting applies. A stopped container is no error.
func (c *Client) Stop(ctx context.Context, id string, grace time.Duration) error {
	return c.fail(c.api.ContainerStop(ctx, id, stopOptions(grace)), "stopping container %s", short(id))
}

// RestartContainer stops and starts the container.
func (c *Client) RestartContainer(ctx context.Context, id string, grace time.Duration) error {
	return c.fail(c.api.ContainerRestart(ctx, id, stopOptions(grace)), "restarting container %s", short(id))
}

func stopOptions(grace time.Duration) container.StopOptions {
	if grace <= 0 {
		return container.StopOptions{}
	}
	seconds := int(math.Ceil(grace.Seconds())) // the engine counts whole seconds
	return container.StopOptions{Timeout: &seconds}
}

// Kill sends a signal ("KILL", "HUP", ...) to the container's first process. The engine
// takes KILL, the container's stop signal and, unless the image or the container names a
// stop signal, EVERY signal for a wish to stop: when the process ends afterwards, whenever
// that is, the restart policy does not apply. Name a stop signal where others are sent.
func (c *Client) Kill(ctx context.Context, id, signal string) error {
	return c.fail(c.api.ContainerKill(ctx, id, signal), "sending %s to container %s", signal, short(id))
}

// Pause freezes all processes of the container.
func (c *Client) Pause(ctx context.Context, id string) error {
	return c.fail(c.api.ContainerPause(ctx, id), "pausing container %s", short(id))
}

// Unpause lets a paused container go on.
func (c *Client) Unpause(ctx context.Context, id string) error {
	return c.fail(c.api.ContainerUnpause(ctx, id), "unpausing container %s", short(id))
}

// Rename gives the container another name; ErrConflict when it is taken.
func (c *Client) Rename(ctx context.Context, id, name string) error {
	return c.fail(c.api.ContainerRename(ctx, id, name), "renaming container %s to %s", short(id), name)
}

// removalBound is how long the removal of somebody else is waited for.
const removalBound = time.Minute

// Remove removes the container, running or not, and its anonymous volumes. One that
// is not there is no error; one that somebody else is removing is waited for.
func (c *Client) Remove(ctx context.Context, id string) error {
	err := c.fail(c.api.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true}), "removing container %s", short(id))
	if errors.Is(err, ErrConflict) && strings.Contains(err.Error(), "is already in progress") {
		if waitErr := c.waitRemoved(ctx, id); waitErr != nil {
			return errors.Join(err, waitErr)
		}
		return nil
	}
	return c.gone(err)
}

// waitRemoved waits until a container that somebody else is removing is gone.
func (c *Client) waitRemoved(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, removalBound)
	defer cancel()
	removed, failed := c.api.ContainerWait(ctx, id, container.WaitConditionRemoved)
	var err error
	select {
	case end := <-removed:
		if end.Error != nil {
			err = errors.New(end.Error.Message)
		}
	case err = <-failed:
	}
	return c.gone(c.fail(err, "waiting until container %s is removed", short(id)))
}

// gone forgives what is not there any more.
func (c *Client) gone(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
