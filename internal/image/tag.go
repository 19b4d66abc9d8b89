package image

import (
	"context"
	"errors"
	"fmt"

	"drydock/internal/engine"
)

// tag gives an image the reference that it is used by. Only the production images of the
// apps carry the product's version; all others are named by their input, so that a
// commit that doesn't touch PostgreSQL's image doesn't restart PostgreSQL.
func (b *builder) tag(ctx context.Context, img Image) (Image, error) {
	if img.Foreign {
		return img, nil
	}
	r, err := find(b.recipes, img.Name)
	if err != nil {
		return Image{}, err
	}
	wanted := img.Input[:12]
	if r.App {
		wanted = img.Target + "-" + wanted
	}
	if r.App && img.Target == StageProd {
		v, err := b.version()
		if err != nil {
			return Image{}, err
		}
		img.Version, wanted = v.Tag, v.Tag
		// A tag never moves. The same version with another input (another base, say)
		// gets a tag of its own.
		taken, err := b.takenByOther(ctx, ref(b.Settings, r.Name, wanted), img)
		if err != nil {
			return Image{}, err
		}
		if taken {
			wanted += "-" + img.Input[:8]
		}
	}
	img.Ref = ref(b.Settings, r.Name, wanted)
	there, err := b.Engine.Image(ctx, img.Ref)
	switch {
	case err == nil && there.ID == img.ID:
		return img, nil
	case err != nil && !errors.Is(err, engine.ErrNotFound):
		return Image{}, err
	}
	if err := b.Engine.Tag(ctx, img.ID, img.Ref); err != nil {
		return Image{}, fmt.Errorf("naming the image %s: %w", img.Name, err)
	}
	return img, nil
}

func (b *builder) takenByOther(ctx context.Context, reference string, img Image) (bool, error) {
	there, err := b.Engine.Image(ctx, reference)
	if errors.Is(err, engine.ErrNotFound) {
		return false, nil
	}
	return err == nil && there.Labels[labelInput] != img.Input, err
}

// sweep removes what earlier builds left: images of ours that have no name any more and
// that no container uses.
func (b *builder) sweep(ctx context.Context) error {
	list, err := b.Engine.Images(ctx, engine.Filter{Labels: map[string]string{labelImage: ""}})
	if err != nil {
		return err
	}
	for _, img := range list {
		if len(img.Tags) > 0 || len(img.Digests) > 0 {
			continue
		}
		users, err := b.Engine.Containers(ctx, engine.Filter{Image: img.ID})
		if err != nil {
			return err
		}
		if len(users) > 0 {
			continue
		}
		if err := b.Engine.RemoveImage(ctx, img.ID); err != nil && !errors.Is(err, engine.ErrNotFound) && !errors.Is(err, engine.ErrConflict) {
			return fmt.Errorf("removing a leftover of an earlier build: %w", err)
		}
	}
	return nil
}
