package engine

import (
	"context"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
)

// Create makes a container without starting it and returns its id. A name that is
// taken gives ErrConflict, decided by the engine in one step: of several callers
// exactly one succeeds. An image that is not there gives ErrNotFound; nothing is pulled.
func (c *Client) Create(ctx context.Context, s Spec) (string, error) {
	config, host, networking, err := s.configs()
	if err != nil {
		return "", c.fail(err, "creating container %s from %s", s.Name, s.Image)
	}
	return c.create(ctx, s, config, host, networking)
}

func (c *Client) create(ctx context.Context, s Spec, config *container.Config, host *container.HostConfig, networking *network.NetworkingConfig) (string, error) {
	made, err := c.api.ContainerCreate(ctx, config, host, networking, nil, s.Name)
	if err != nil {
		return "", c.fail(err, "creating container %s from %s", s.Name, s.Image)
	}
	for i := 1; i < len(s.Attach); i++ {
		if err := c.connect(ctx, s.Attach[i], made.ID); err != nil {
			c.discard(ctx, made.ID)
			return "", c.fail(err, "creating container %s from %s", s.Name, s.Image)
		}
	}
	return made.ID, nil
}

// discard removes a container that this package made for itself, also when ctx has
// ended. That it fails is worth no error of its own: the caller returns the cause,
// and the object carries the caller's labels for a later RemoveByLabel.
func (c *Client) discard(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	_ = c.Remove(ctx, id)
}
