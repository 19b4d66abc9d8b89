package image

import (
	"context"
	"errors"
	"fmt"

	"drydock/internal/engine"
)

// name chooses the reference of an image and its version. Only the production images of
// the apps carry the product's version; all others are named by their input, so that a
// commit that doesn't touch PostgreSQL's image doesn't restart PostgreSQL.
func (b *builder) name(ctx context.Context, in *input, hash string) (reference, version string, err error) {
	r := in.Recipe
	switch {
	case r.Ready != "": // somebody else's image with our health check
		return ref(b.Settings, r.Name, "checked-"+hash[:12]), "", nil
	case !r.App:
		return ref(b.Settings, r.Name, hash[:12]), "", nil
	case stageName(in.Stage) != StageProd:
		return ref(b.Settings, r.Name, in.Stage+"-"+hash[:12]), "", nil
	}
	v, err := b.version()
	if err != nil {
		return "", "", err
	}
	// A tag never moves. The same version with another input (another base, say, or before
	// it was committed) gets a tag of its own.
	reference = ref(b.Settings, r.Name, v.Tag)
	taken, err := b.takenByOther(ctx, reference, in, hash)
	if taken {
		reference = ref(b.Settings, r.Name, v.Tag[:min(len(v.Tag), 128-9)]+"-"+hash[:8])
	}
	return reference, v.Tag, err
}

// tag makes sure that the image has its reference, and that the engine knows since when.
func (b *builder) tag(ctx context.Context, img *Image) error {
	there, err := b.Engine.Image(ctx, img.Ref)
	switch {
	case err == nil && there.ID == img.ID && !there.Tagged.IsZero():
		return nil
	case err != nil && !errors.Is(err, engine.ErrNotFound):
		return err
	}
	if err := b.Engine.Tag(ctx, img.ID, img.Ref); err != nil {
		return fmt.Errorf("naming the image %s: %w", img.Name, err)
	}
	return nil
}

func (b *builder) takenByOther(ctx context.Context, reference string, in *input, hash string) (bool, error) {
	there, err := b.Engine.Image(ctx, reference)
	if errors.Is(err, engine.ErrNotFound) {
		return false, nil
	}
	return err == nil && (there.Labels[labelInput] != hash || !in.tells(there)), err
}

// sweep removes what earlier builds left: images of ours that have no name any more and
// that no container uses. One that a stranger built on ours has our labels, too, and stays.
func (b *builder) sweep(ctx context.Context) error {
	list, err := b.Engine.Images(ctx, engine.Filter{Labels: map[string]string{labelImage: ""}})
	if err != nil {
		return err
	}
	nameless := map[string]bool{}
	for _, img := range list {
		if len(img.Tags) == 0 && len(img.Digests) == 0 && (genuine(img) || img.Labels[labelImage] == inTheMaking[labelImage]) {
			nameless[img.ID] = true
		}
	}
	if len(nameless) == 0 {
		return nil
	}
	stored, err := StoredImages(ctx, b.Engine)
	if err != nil {
		return err
	}
	all := make([]Verdict, 0, len(stored))
	for _, s := range stored {
		all = append(all, Verdict{Stored: s})
	}
	for _, s := range stored {
		if !nameless[s.ID] || len(s.Users) > 0 || derived(s, all) {
			continue
		}
		if err := b.Engine.RemoveImage(ctx, s.ID); err != nil && !errors.Is(err, engine.ErrNotFound) && !errors.Is(err, engine.ErrConflict) {
			return fmt.Errorf("removing a leftover of an earlier build: %w", err)
		}
	}
	return nil
}
