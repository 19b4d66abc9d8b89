package engine

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// Removed counts what RemoveByLabel removed.
type Removed struct{ Containers, Networks, Volumes, Images int }

// RemoveOptions says what RemoveByLabel leaves or takes besides containers and networks.
type RemoveOptions struct {
	KeepVolumes bool
	Images      bool // images, too, as far as nothing else uses them
}

// RemoveByLabel removes everything that carries all of the labels: containers, running
// or not, then what they used. It goes on after a failure and returns all of them. No
// labels at all is refused: it would mean everything on the engine.
func (c *Client) RemoveByLabel(ctx context.Context, labels map[string]string, o RemoveOptions) (Removed, error) {
	var done Removed
	if len(labels) == 0 {
		return done, errors.New("removing by label: no label was given, and that would select everything")
	}
	f := Filter{Labels: labels}
	var errs []error

	containers, err := c.Containers(ctx, f)
	errs = append(errs, err)
	removed := make([]error, len(containers))
	var g errgroup.Group
	g.SetLimit(inspections)
	for i, one := range containers {
		g.Go(func() error {
			removed[i] = c.Remove(ctx, one.ID)
			return nil
		})
	}
	_ = g.Wait() // the errors are in removed
	for _, err := range removed {
		if err == nil {
			done.Containers++
		}
		errs = append(errs, err)
	}

	networks, err := c.Networks(ctx, f)
	errs = append(errs, err)
	for _, n := range networks {
		err := c.RemoveNetwork(ctx, n.ID)
		if err == nil {
			done.Networks++
		}
		errs = append(errs, err)
	}
	if !o.KeepVolumes {
		volumes, err := c.Volumes(ctx, f)
		errs = append(errs, err)
		for _, v := range volumes {
			err := c.RemoveVolume(ctx, v.Name)
			if err == nil {
				done.Volumes++
			}
			errs = append(errs, err)
		}
	}
	if o.Images {
		n, err := c.removeImages(ctx, f)
		done.Images = n
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return done, fmt.Errorf("removing by label %v: %w", labels, err)
	}
	return done, nil
}

func (c *Client) removeImages(ctx context.Context, f Filter) (int, error) {
	images, err := c.Images(ctx, f)
	if err != nil {
		return 0, err
	}
	var errs []error
	n := 0
	for _, in := range images {
		names := in.Tags
		if len(names) == 0 {
			names = []string{in.ID}
		}
		var failed error
		for _, name := range names {
			failed = errors.Join(failed, c.RemoveImage(ctx, name))
		}
		if failed == nil {
			n++
		}
		errs = append(errs, failed)
	}
	return n, errors.Join(errs...)
}
