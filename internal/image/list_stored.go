package image

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"drydock/internal/engine"
)

// Shelf is the part of an engine that images are looked up in.
type Shelf interface {
	Image(ctx context.Context, ref string) (engine.Image, error)
	Images(ctx context.Context, f engine.Filter) ([]engine.Image, error)
	Containers(ctx context.Context, f engine.Filter) ([]engine.Container, error)
}

// inspector is what inspectAll needs.
type inspector interface {
	Image(ctx context.Context, ref string) (engine.Image, error)
	Images(ctx context.Context, f engine.Filter) ([]engine.Image, error)
}

// StoredImages returns Drydock's own images in an engine, with the containers
// made from each, in no particular order. Images without the label
// drydock.image are not ours and never in it.
func StoredImages(ctx context.Context, shelf Shelf) ([]Stored, error) {
	images, err := inspectAll(ctx, shelf, engine.Filter{Labels: map[string]string{labelImage: ""}})
	if err != nil {
		return nil, fmt.Errorf("looking for Drydock's images: %w", err)
	}
	containers, err := shelf.Containers(ctx, engine.Filter{})
	if err != nil {
		return nil, fmt.Errorf("looking for what runs on Drydock's images: %w", err)
	}
	users := map[string][]User{}
	for _, c := range containers {
		u := User{Container: c.Name, Project: c.Labels[labelProject], Running: alive(c.State)}
		users[c.ImageID] = append(users[c.ImageID], u)
	}
	out := make([]Stored, 0, len(images))
	for _, img := range images {
		name := img.Labels[labelImage]
		if name == "" { // the label is there but says nothing
			continue
		}
		refs := slices.Clone(img.Tags)
		slices.Sort(refs)
		out = append(out, Stored{
			ID: img.ID, Refs: refs, Name: name, Target: img.Labels[labelTarget], Input: img.Labels[labelInput],
			Version: img.Labels[labelVersion], Created: img.Created, Tagged: img.Tagged, Dated: img.Labels[labelRevision] != "", Size: img.Size, Layers: img.Layers,
			Users: users[img.ID],
		})
	}
	return out, nil
}

// alive says whether a container holds on to its image as a running one does.
func alive(s engine.State) bool {
	return s == engine.Running || s == engine.Paused || s == engine.Restarting
}

// inspectAll looks at each image that the filter selects. One that is removed
// meanwhile is left out.
func inspectAll(ctx context.Context, shelf inspector, f engine.Filter) ([]engine.Image, error) {
	list, err := shelf.Images(ctx, f)
	if err != nil {
		return nil, err
	}
	found := make([]engine.Image, len(list))
	group, ctx := errgroup.WithContext(ctx)
	// net/http keeps two connections to a host; every further one would be another
	// log-in where the engine is reached through SSH.
	group.SetLimit(2)
	for i, img := range list {
		group.Go(func() error {
			one, err := shelf.Image(ctx, img.ID)
			if errors.Is(err, engine.ErrNotFound) {
				return nil
			}
			found[i] = one
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(i engine.Image) bool { return i.ID == "" }), nil
}
