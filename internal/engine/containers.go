package engine

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"golang.org/x/sync/errgroup"
)

// inspections is how many containers are asked about at once: enough to hide the
// round trip to a remote engine, few enough not to flood it.
const inspections = 8

// Containers returns the containers that the filter selects, stopped ones too,
// sorted by name. One that is removed while it is being looked at is left out.
func (c *Client) Containers(ctx context.Context, f Filter) ([]Container, error) {
	list, err := c.api.ContainerList(ctx, container.ListOptions{All: true, Filters: f.args()})
	if err != nil {
		return nil, c.fail(err, "listing containers")
	}
	found := make([]Container, len(list))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(inspections)
	for i, s := range list {
		if len(f.Names) > 0 && !slices.ContainsFunc(s.Names, func(n string) bool {
			return slices.Contains(f.Names, strings.TrimPrefix(n, "/"))
		}) {
			continue
		}
		g.Go(func() error {
			one, err := c.Container(gctx, s.ID)
			if errors.Is(err, ErrNotFound) {
				return nil
			}
			found[i] = one
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, c.fail(err, "listing containers")
	}
	found = slices.DeleteFunc(found, func(c Container) bool { return c.ID == "" })
	slices.SortFunc(found, func(a, b Container) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}
