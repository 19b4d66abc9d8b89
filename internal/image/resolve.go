package image

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"drydock/internal/engine"
)

// resolve notes the ids of the images that an input needs, and looks whether the engine
// has the result. It is not ready while one of them has to be built first.
func (b *builder) resolve(ctx context.Context, in *input) (ready bool, err error) {
	r := in.Recipe
	if r.Ready != "" && !in.Probe {
		return true, nil
	}
	for arg, name := range in.needs() {
		img, ok := b.have[name]
		if !ok || img.ID == "" {
			return false, nil
		}
		in.Images[arg] = img.ID
	}
	if r.Root != "" {
		if err := b.resolveRoot(ctx, in); err != nil {
			return false, err
		}
	}
	hash := in.Hash()
	if err := b.trace(ctx, in, hash); err != nil {
		return false, err
	}
	if !b.NoCache || groundwork(r.Name) {
		if l, ok := b.there(r.Name, hash, in.tells); ok {
			return true, b.finish(ctx, in, hash, l.ID, false)
		}
	}
	return true, nil
}

// trace finds where an app's production image comes from.
func (b *builder) trace(ctx context.Context, in *input, hash string) error {
	if !in.Recipe.App || stageName(in.Stage) != StageProd {
		return nil
	}
	from, err := originOf(ctx, b.Settings.Root, b.Settings.Inherited(), in, hash)
	if err != nil {
		return err
	}
	in.origin = &from
	return nil
}

// tells says whether an image of the input tells of the commit that the input comes from.
// One that was built before the commit, or for another one with the same content, does not:
// who builds from a clone has an image with another id. Whatever an image tells is better
// than nothing, as without git.
func (in *input) tells(img engine.Image) bool {
	return in.origin == nil || in.origin.Revision == "" || img.Labels[labelRevision] == in.origin.Revision
}

// resolveRoot decides what a base image begins with.
func (b *builder) resolveRoot(ctx context.Context, in *input) error {
	src, err := b.roots.choose(ctx, in.Recipe.Root, func(src rootSource) bool {
		in.Images[rootArgument] = src.key()
		_, have := b.there(in.Recipe.Name, in.Hash(), in.tells)
		return have
	})
	in.Images[rootArgument], in.From = src.key(), src
	return err
}

func anyImage(engine.Image) bool { return true }

// there finds an image of ours by its input, among those that will do.
func (b *builder) there(name, hash string, will func(engine.Image) bool) (engine.Image, bool) {
	for _, l := range b.local {
		if l.Labels[labelInput] == hash && l.Labels[labelImage] == name && genuine(l) && will(l) {
			return l, true
		}
	}
	return engine.Image{}, false
}

// finish notes an image that is there and complete.
func (b *builder) finish(ctx context.Context, in *input, hash, id string, built bool) error {
	found, err := b.Engine.Image(ctx, id)
	if err != nil {
		return err
	}
	img := Image{
		Name: in.Recipe.Name, ID: found.ID, Input: hash, Target: stageName(in.Stage), Size: found.Size,
		Created: found.Created, User: found.User, Built: built, Foreign: in.Recipe.Ready != "",
	}
	if img.Ref, img.Version, err = b.name(ctx, in, hash); err != nil {
		return err
	}
	if img.Version == "" {
		img.Version = found.Labels[labelVersion]
	}
	if err := b.tag(ctx, &img); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.layers[img.Name], b.have[img.Name] = found.Layers, img
	if built {
		b.built++
	}
	return nil
}

// done is a finished image; others may be finishing at the same time.
func (b *builder) done(name string) Image {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.have[name]
}

// stageName is how an image calls its stage: one without a name is the last, so the
// production one.
func stageName(stage string) string {
	if stage == "" {
		return StageProd
	}
	return stage
}

// args are the build arguments of a job; images are given by id, which cannot move.
func (b *builder) args(j *job) map[string]string {
	args := map[string]string{"SOURCE_DATE_EPOCH": fmt.Sprint(j.origin.Time.Unix())}
	maps.Copy(args, j.in.Recipe.Args)
	if r := j.in.Recipe; r.Root != "" {
		args["ROOT"] = b.rootName(r.Root)
	}
	for arg, name := range j.in.arguments() {
		args[arg] = b.have[name].Ref
	}
	return args
}

// candidates are the layers of the images that a job could have begun with.
func (b *builder) candidates(j *job) [][]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list [][]string
	for _, name := range slices.Sorted(maps.Values(j.in.arguments())) {
		list = append(list, b.layers[name])
	}
	if j.in.foreign != nil {
		list = append(list, j.in.foreign)
	}
	return list
}
