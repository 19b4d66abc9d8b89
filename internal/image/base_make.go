package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"drydock/internal/engine"
)

// rootName is the name of a suite's root in the engine while a base is built on it.
func (b *builder) rootName(suite string) string {
	return ref(b.Settings, "root-"+suite, working+filepath.Base(b.dir))
}

// makeRoots brings the roots of a wave's base images into the engine, all at once.
func (b *builder) makeRoots(ctx context.Context, wave []*input) error {
	group, gctx := errgroup.WithContext(ctx)
	for _, in := range wave {
		if in.Recipe.Root != "" {
			group.Go(func() error { return b.makeRoot(gctx, in) })
		}
	}
	if err := group.Wait(); err != nil {
		b.dropRoots(ctx, wave)
		return err
	}
	return nil
}

func (b *builder) makeRoot(ctx context.Context, in *input) error {
	if in.From.Ref != "" {
		err := b.pullRoot(ctx, in.From)
		if err == nil || b.Settings.Build.Base == "registry" || ctx.Err() != nil {
			return err
		}
		// We reach the registry, the engine does not: it has proxy settings of its own.
		b.say("%s: %v; making it from Debian's packages", in.Recipe.Name, err)
		in.From = rootSource{Suite: in.From.Suite}
		in.Images[rootArgument] = in.From.key()
	}
	b.say("%s: making it from %s, which takes about half a minute", in.Recipe.Name, in.From)
	tar, err := bootstrap(ctx, b.Settings, in.From.Suite, b.dir, b.Err)
	if err != nil {
		return err
	}
	f, err := os.Open(tar)
	if err != nil {
		return fmt.Errorf("importing the root of %s: %w", in.Recipe.Name, err)
	}
	// Not the file itself, which the HTTP client would close.
	_, err = b.Engine.Import(ctx, io.MultiReader(f), engine.ImportOptions{Ref: b.rootName(in.From.Suite)})
	return errors.Join(err, f.Close(), os.Remove(tar))
}

// pullRoot fetches the registry's image. One that was here before stays afterwards.
func (b *builder) pullRoot(ctx context.Context, from rootSource) error {
	have, err := b.Engine.HasImage(ctx, from.Ref)
	if err != nil {
		return err
	}
	if !have {
		b.say("base-%s: pulling %s", from.Suite, from.Ref)
		if err := b.Engine.Pull(ctx, from.Ref, nil); err != nil {
			return err
		}
	}
	if err := b.Engine.Tag(ctx, from.Ref, b.rootName(from.Suite)); err != nil {
		return err
	}
	if have {
		return nil
	}
	return b.Engine.RemoveImage(ctx, from.Ref) // only this name: ours keeps the image
}

// dropRoots removes the roots again: the base images have all of them in a layer of
// their own.
func (b *builder) dropRoots(ctx context.Context, wave []*input) {
	ctx, cancel := cleanup(ctx)
	defer cancel()
	for _, in := range wave {
		if in.Recipe.Root == "" {
			continue
		}
		if err := b.Engine.RemoveImage(ctx, b.rootName(in.Recipe.Root)); err != nil {
			b.say("removing the root of %s: %v", in.Recipe.Name, err)
		}
	}
}
