package image

import (
	"context"
	"errors"
	"fmt"

	"drydock/internal/engine"
	"drydock/internal/run"
)

// gather reads the inputs of everything that is asked for and what that needs, in the
// order of the catalogue.
func (b *builder) gather(ctx context.Context) ([]string, error) {
	inputs := b.inputs
	var add func(name string) error
	add = func(name string) error {
		r, err := find(b.recipes, name)
		if err != nil {
			return run.WithCode(run.CodeBadInput, err)
		}
		if _, done := inputs[name]; done {
			return nil
		}
		if r.Ready != "" {
			in := &input{Recipe: r, Stage: StageProd, Images: map[string]string{}}
			inputs[name] = in
			found, err := b.ready(ctx, r)
			if err != nil {
				return err
			}
			if in.Probe = r.App && !found.HasCheck; in.Probe {
				in.Images[readyArgument] = found.ID
				return add(probeName)
			}
			b.have[name] = readyImage(r, found)
			return nil
		}
		want := StageProd
		if r.App {
			want = b.Stage
		}
		in, err := readInput(b.Settings.Root, r, want)
		if err != nil {
			return run.WithCode(run.CodeBadInput, err)
		}
		inputs[name] = in
		if err := b.lookForeign(ctx, in); err != nil {
			return err
		}
		in.Probe = r.App && in.Stage != StageTest && !in.Parsed.checked(in.Stage, in.Recipe.Args)
		for _, need := range in.needs() {
			if err := add(need); err != nil {
				return err
			}
		}
		return nil
	}
	for _, name := range b.Names {
		if err := add(name); err != nil {
			return nil, err
		}
	}
	var order []string
	for _, r := range b.recipes {
		if _, ok := inputs[r.Name]; ok {
			order = append(order, r.Name)
		}
	}
	return order, nil
}

// lookForeign looks at the image of somebody else that an input begins with: a user's own
// Dockerfile, or a toolchain that a setting names. It becomes a part of the input, so that
// a new one is noticed, and tells which layers are not ours to rewrite.
func (b *builder) lookForeign(ctx context.Context, in *input) error {
	in.from = in.Parsed.base(in.Stage, in.Recipe.Args)
	if in.from == "" {
		return nil
	}
	found, err := b.Engine.Image(ctx, in.from)
	if errors.Is(err, engine.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	in.Images[fromArgument], in.foreign = found.ID, found.Layers
	return nil
}

// pullForeign fetches that image, if it is not here.
func (b *builder) pullForeign(ctx context.Context, in *input) error {
	if in.from == "" || in.foreign != nil {
		return nil
	}
	b.say("%s: pulling %s", in.Recipe.Name, in.from)
	if err := b.Engine.Pull(ctx, in.from, nil); err != nil {
		if ctx.Err() != nil {
			return err
		}
		// It may need a login, which the builder has.
		b.say("%s: %v; leaving it to the builder", in.Recipe.Name, err)
		return nil
	}
	return b.lookForeign(ctx, in)
}

// ready is an image that a setting gives in place of ours.
func (b *builder) ready(ctx context.Context, r recipe) (engine.Image, error) {
	have, err := b.Engine.HasImage(ctx, r.Ready)
	if err != nil {
		return engine.Image{}, err
	}
	if !have {
		b.say("%s: pulling %s", r.Name, r.Ready)
		if err := b.Engine.Pull(ctx, r.Ready, nil); err != nil {
			return engine.Image{}, fmt.Errorf("%w; check the setting %s", err, setting(r, "IMAGE"))
		}
	}
	return b.Engine.Image(ctx, r.Ready)
}

func readyImage(r recipe, found engine.Image) Image {
	return Image{
		Name: r.Name, Ref: r.Ready, ID: found.ID, Size: found.Size, Created: found.Created, User: found.User, Foreign: true,
		Version: found.Labels[labelVersion],
	}
}
