package image

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"drydock/internal/engine"
)

// Pull brings one published image into an engine, under tag. ref names it by
// digest (host/path/name@sha256:...), as Push printed it: what arrives is what
// was pushed, or nothing. Only layers that the engine lacks are fetched, through
// this machine, so that an engine without a way to the registry can be served.
func Pull(ctx context.Context, to Target, ref, tag string, reg Registry, narrate io.Writer) (Shipped, error) {
	session, err := reg.open()
	if err != nil {
		return Shipped{}, err
	}
	done, err := session.pull(ctx, to, ref, tag, &lines{w: narrate, prefix: tag + ": "})
	if err != nil {
		return done, session.explain(fmt.Errorf("pulling %s: %w", ref, err))
	}
	return done, nil
}

func (s *session) pull(ctx context.Context, to Target, ref, tag string, say *lines) (Shipped, error) {
	digest, err := name.NewDigest(ref, s.nameOptions...)
	if err != nil {
		return Shipped{}, fmt.Errorf("an image is pulled by digest (host/path/name@sha256:...), so that it is the one that was pushed: %w", err)
	}
	if digest.RegistryStr() != s.host.RegistryStr() {
		// The credentials belong to REGISTRY; they are not for anybody else.
		return Shipped{}, fmt.Errorf("the image is at %s, but REGISTRY is at %s: set REGISTRY to pull from there", digest.RegistryStr(), s.host.RegistryStr())
	}
	img, err := remote.Image(digest, s.options(ctx)...)
	if err != nil {
		return Shipped{}, err
	}
	c, err := published(img)
	if err != nil {
		return Shipped{}, err
	}
	cfg, err := c.parse()
	if err != nil {
		return Shipped{}, err
	}
	want := engine.Image{ID: c.ID(), Layers: cfg.RootFS.DiffIDs, Labels: cfg.Config.Labels}
	done := Shipped{Ref: tag, ID: want.ID}
	done.Status, err = settle(ctx, to, want, tag, say)
	if err != nil || done.Status != "" {
		return done, err
	}
	done, err = deliver(ctx, to, c, want, tag, false, say)
	if err != nil {
		return done, err
	}
	done.Ref, done.ID, done.Status = tag, want.ID, StatusShipped
	say.printf("pulled: %s of %s in layers", size(done.Layers), size(done.Whole))
	return done, nil
}

// published sees a registry's image as content. Every blob is checked against
// its digest while it is read.
func published(img v1.Image) (*content, error) {
	raw, err := img.RawConfigFile()
	if err != nil {
		return nil, fmt.Errorf("reading its configuration: %w", err)
	}
	c := &content{Config: raw}
	cfg, err := c.parse()
	if err != nil {
		return nil, err
	}
	layers, err := img.Layers()
	if err != nil {
		return nil, fmt.Errorf("reading its manifest: %w", err)
	}
	if len(layers) != len(cfg.RootFS.DiffIDs) {
		return nil, errors.New("its manifest and its configuration differ in the number of layers")
	}
	for i, l := range layers {
		n, err := l.Size()
		if err != nil {
			return nil, fmt.Errorf("reading its manifest: %w", err)
		}
		c.Layers = append(c.Layers, blob{DiffID: cfg.RootFS.DiffIDs[i], Size: n, Open: l.Compressed})
	}
	return c, nil
}
