package engine

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/volume"
)

// Volume is one named volume.
type Volume struct {
	Name       string
	Driver     string
	Mountpoint string // on the engine's machine
	Created    time.Time
	Labels     map[string]string
}

// EnsureVolume returns the volume of that name, which it creates with the labels when
// it is not there. An existing one keeps its labels.
func (c *Client) EnsureVolume(ctx context.Context, name string, labels map[string]string) (Volume, error) {
	v, err := c.api.VolumeCreate(ctx, volume.CreateOptions{Name: name, Labels: labels})
	if err != nil {
		return Volume{}, c.fail(err, "creating volume %s", name)
	}
	return fromVolume(v), nil
}

// Volume inspects one volume.
func (c *Client) Volume(ctx context.Context, name string) (Volume, error) {
	v, err := c.api.VolumeInspect(ctx, name)
	if err != nil {
		return Volume{}, c.fail(err, "inspecting volume %s", name)
	}
	return fromVolume(v), nil
}

// Volumes returns the volumes that the filter's labels and names select.
func (c *Client) Volumes(ctx context.Context, f Filter) ([]Volume, error) {
	list, err := c.api.VolumeList(ctx, volume.ListOptions{Filters: labelArgs(f.Labels)})
	if err != nil {
		return nil, c.fail(err, "listing volumes")
	}
	var found []Volume
	for _, v := range list.Volumes {
		if v != nil && (len(f.Names) == 0 || slices.Contains(f.Names, v.Name)) {
			found = append(found, fromVolume(*v))
		}
	}
	slices.SortFunc(found, func(a, b Volume) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

// RemoveVolume removes a volume that no container uses (else ErrConflict). One that is
// not there is no error.
func (c *Client) RemoveVolume(ctx context.Context, name string) error {
	return c.gone(c.fail(c.api.VolumeRemove(ctx, name, false), "removing volume %s", name))
}

func fromVolume(v volume.Volume) Volume {
	return Volume{Name: v.Name, Driver: v.Driver, Mountpoint: v.Mountpoint, Created: parseTime(v.CreatedAt), Labels: v.Labels}
}
