package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/image"
)

// Image is one image. What is marked (inspect) is empty in a list.
type Image struct {
	ID           string   // sha256:...
	Tags         []string // name:tag
	Digests      []string // name@sha256:..., when it came from or went to a registry
	Labels       map[string]string
	Size         int64 // bytes, all layers
	Created      time.Time
	Tagged       time.Time // (inspect) when this engine last gave it a name; zero when it never did
	Architecture string    // (inspect)
	OS           string    // (inspect)
	Layers       []string  // (inspect) uncompressed digests (diff ids), lowest first
	Env          []string  // (inspect)
	User         string    // (inspect)
	Entrypoint   []string  // (inspect)
	Cmd          []string  // (inspect)
	Dir          string    // (inspect)
	Ports        []string  // (inspect) declared, for example 8080/tcp
	StopSignal   string    // (inspect)
	HasCheck     bool      // (inspect) declares a HEALTHCHECK other than NONE
}

// Images returns the images that the filter's labels and names select, newest first.
// Names are references, in which * is allowed ("drydock/*").
func (c *Client) Images(ctx context.Context, f Filter) ([]Image, error) {
	a := labelArgs(f.Labels)
	for _, name := range f.Names {
		a.Add("reference", name)
	}
	list, err := c.api.ImageList(ctx, image.ListOptions{Filters: a})
	if err != nil {
		return nil, c.fail(err, "listing images")
	}
	found := make([]Image, 0, len(list))
	for _, in := range list {
		found = append(found, Image{
			ID: in.ID, Tags: realNames(in.RepoTags), Digests: realNames(in.RepoDigests), Labels: in.Labels,
			Size: in.Size, Created: time.Unix(in.Created, 0),
		})
	}
	slices.SortStableFunc(found, func(a, b Image) int { return b.Created.Compare(a.Created) })
	return found, nil
}

// realNames drops what engines before 24 write for an image without a name.
func realNames(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return strings.Contains(n, "<none>") })
}

// Image inspects one image, by reference or id.
func (c *Client) Image(ctx context.Context, ref string) (Image, error) {
	in, err := c.api.ImageInspect(ctx, ref)
	if err != nil {
		return Image{}, c.fail(err, "inspecting image %s", short(ref))
	}
	out := Image{
		ID: in.ID, Tags: realNames(in.RepoTags), Digests: realNames(in.RepoDigests), Size: in.Size,
		Created: parseTime(in.Created), Architecture: in.Architecture, OS: in.Os, Layers: in.RootFS.Layers,
		Tagged: in.Metadata.LastTagTime,
	}
	if in.Config != nil {
		out.Labels, out.Env, out.User = in.Config.Labels, in.Config.Env, in.Config.User
		out.Entrypoint, out.Cmd, out.Dir = in.Config.Entrypoint, in.Config.Cmd, in.Config.WorkingDir
		out.StopSignal = in.Config.StopSignal
		for port := range in.Config.ExposedPorts {
			out.Ports = append(out.Ports, string(port))
		}
		slices.Sort(out.Ports)
		if h := in.Config.Healthcheck; h != nil {
			out.HasCheck = len(h.Test) > 0 && h.Test[0] != "NONE"
		}
	}
	return out, nil
}

// HasImage says whether the image is there.
func (c *Client) HasImage(ctx context.Context, ref string) (bool, error) {
	_, err := c.api.ImageInspect(ctx, ref)
	err = c.fail(err, "inspecting image %s", short(ref))
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Tag gives an image one more name.
func (c *Client) Tag(ctx context.Context, ref, name string) error {
	return c.fail(c.api.ImageTag(ctx, ref, name), "tagging image %s as %s", short(ref), name)
}

// RemoveImage removes a name, and with the last one the image and its unused parents.
// An image that a container uses gives ErrConflict; one that is not there is no error.
func (c *Client) RemoveImage(ctx context.Context, ref string) error {
	_, err := c.api.ImageRemove(ctx, ref, image.RemoveOptions{PruneChildren: true})
	return c.gone(c.fail(err, "removing image %s", short(ref)))
}

// Layer is one step of an image's history, newest first.
type Layer struct {
	ID        string // of the image at that step; "" when unknown
	CreatedBy string
	Comment   string
	Created   time.Time
	Size      int64
}

// History returns the steps that an image records about its making.
func (c *Client) History(ctx context.Context, ref string) ([]Layer, error) {
	list, err := c.api.ImageHistory(ctx, ref)
	if err != nil {
		return nil, c.fail(err, "reading the history of image %s", short(ref))
	}
	out := make([]Layer, 0, len(list))
	for _, h := range list {
		l := Layer{CreatedBy: h.CreatedBy, Comment: h.Comment, Created: time.Unix(h.Created, 0), Size: h.Size}
		if h.ID != "<missing>" {
			l.ID = h.ID
		}
		out = append(out, l)
	}
	return out, nil
}
