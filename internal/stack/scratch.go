package stack

import (
	"context"
	"errors"
	"fmt"
	"time"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/image"
)

// This file is what a restore drill needs of a stack.

// Serving is the backend of a release that serves.
type Serving struct {
	Release, Version string
	Image            string   // id: the reference may be another image's by now
	Environ          []string // as its container was started with
	Defaults         []string // what of that the image has itself
}

// Serving is the release of a deploy whose backend gets the requests of an environment of prod;
// nil when there is none, or it is not known which. A gateway that is away leaves the one colour
// that runs.
func (s *Stack) Serving(ctx context.Context) (*Serving, error) {
	if s.Settings.Mode != env.Prod {
		return nil, nil
	}
	colours := []compose.Colour{compose.Blue, compose.Green}
	if live, err := s.liveColour(ctx); err == nil {
		colours = []compose.Colour{live}
	} else if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var found []engine.Container
	for _, colour := range colours {
		list, err := s.service(ctx, compose.AppProject(s.Settings, colour), "backend", engine.Running)
		if err != nil {
			return nil, err
		}
		if len(list) > 0 {
			found = append(found, list[0])
		}
	}
	if len(found) != 1 || found[0].Labels[compose.LabelRelease] == "" {
		return nil, nil
	}
	c := found[0]
	img, err := s.Engine.Image(ctx, c.ImageID)
	if errors.Is(err, engine.ErrNotFound) {
		return nil, fmt.Errorf("looking for the image of the release that serves: %s runs on %s, which has been removed; deploy it again: %s", c.Name, c.Image, s.DeployCommand("deploy:prod"))
	}
	if err != nil {
		return nil, err
	}
	return &Serving{Release: c.Labels[compose.LabelRelease], Version: c.Labels[compose.LabelVersion], Image: c.ImageID, Environ: c.Env, Defaults: img.Env}, nil
}

// ScratchValues is what the data services of a scratch stack and the backend of a release need:
// of the checkout no app is built, which may be broken while the release serves. The secrets are
// those of now.
func (s *Stack) ScratchValues(ctx context.Context, of *Serving) (compose.Values, error) {
	list, err := s.images(ctx, []string{image.Postgres, image.Redis, image.Backup}, image.StageProd)
	if err != nil {
		return compose.Values{}, err
	}
	v := s.placeholders()
	v.Version = of.Version
	v.Refs.DB, v.Refs.Redis, v.Refs.Backup, v.Refs.Backend = list[0].Ref, list[1].Ref, list[2].Ref, of.Image
	img, err := s.Engine.Image(ctx, of.Image)
	if err != nil {
		return compose.Values{}, err
	}
	ca, err := s.storageCA()
	if err != nil {
		return compose.Values{}, err
	}
	certificate, err := s.certificate(time.Now())
	if err != nil {
		return compose.Values{}, err
	}
	// All of them: compose wants every volume that the files name, whatever it starts.
	sets := secretSets(s.Settings, parseUser(img.User), identity{}, certificate, ca)
	return v, s.putSecrets(ctx, sets, &v, v.Refs.Redis)
}
