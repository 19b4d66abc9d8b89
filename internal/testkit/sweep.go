package testkit

import (
	"context"
	"errors"

	"drydock/internal/engine"
	"drydock/internal/testkit/runid"
)

// sweep removes what belongs to test processes that are gone.
func sweep(ctx context.Context, c *engine.Client, logf func(string, ...any)) error {
	owners, err := owners(ctx, c)
	if err != nil {
		return err
	}
	var errs []error
	for id := range owners {
		if !runid.Gone(id) {
			continue
		}
		logf("removing what test run %s left behind", id)
		errs = append(errs, sweepRun(ctx, c, id))
	}
	return errors.Join(errs...)
}

// owners collects the run ids on the engine.
func owners(ctx context.Context, c *engine.Client) (map[string]bool, error) {
	f := engine.Filter{Labels: map[string]string{Label: ""}}
	found := map[string]bool{}
	containers, err := c.Containers(ctx, f)
	if err != nil {
		return nil, err
	}
	for _, o := range containers {
		found[o.Labels[Label]] = true
	}
	networks, err := c.Networks(ctx, f)
	if err != nil {
		return nil, err
	}
	for _, o := range networks {
		found[o.Labels[Label]] = true
	}
	volumes, err := c.Volumes(ctx, f)
	if err != nil {
		return nil, err
	}
	for _, o := range volumes {
		found[o.Labels[Label]] = true
	}
	images, err := c.Images(ctx, f)
	if err != nil {
		return nil, err
	}
	for _, o := range images {
		found[o.Labels[Label]] = true
	}
	return found, nil
}

func sweepRun(ctx context.Context, c *engine.Client, id string) error {
	labels := map[string]string{Label: id}
	volumes, err := c.Volumes(ctx, engine.Filter{Labels: map[string]string{Label: id, labelProject: ""}})
	errs := []error{err}
	for _, v := range volumes {
		errs = append(errs, removeProject(ctx, c, v.Labels[labelProject]))
	}
	_, err = c.RemoveByLabel(ctx, labels, engine.RemoveOptions{Images: true})
	return errors.Join(append(errs, err)...)
}
