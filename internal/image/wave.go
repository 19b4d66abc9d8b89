package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"drydock/internal/engine"
)

// wave builds several images at once.
func (b *builder) wave(ctx context.Context, wave []*input) error {
	if err := b.makeRoots(ctx, wave); err != nil {
		return err
	}
	defer b.dropRoots(ctx, wave)
	var names []string
	jobs := make([]*job, 0, len(wave))
	for _, in := range wave {
		names = append(names, in.Recipe.Name)
		j, err := b.prepare(ctx, in)
		if err != nil {
			return err
		}
		jobs = append(jobs, j)
	}
	b.say("building %s", strings.Join(names, ", "))
	start := time.Now()
	// Whatever happens next, the working names must not stay behind.
	defer b.dropWorkingNames(ctx, jobs)
	if err := b.buildx(ctx, jobs); err != nil {
		return err
	}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(2) // each keeps a copy of an image on disk
	for _, j := range jobs {
		group.Go(func() error {
			if err := b.complete(gctx, j); err != nil {
				return fmt.Errorf("finishing the image %s: %w", j.in.Recipe.Name, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	b.say("built %s in %s", strings.Join(names, ", "), time.Since(start).Round(100*time.Millisecond))
	return nil
}

// job is one image being built.
type job struct {
	in      *input
	hash    string
	origin  origin
	context string // folder
	file    string // Dockerfile
	working string // reference until it is finished
}

// prepare lays out the context.
func (b *builder) prepare(ctx context.Context, in *input) (*job, error) {
	r := in.Recipe
	hash := in.Hash()
	from := in.origin
	if from == nil {
		found, err := originOf(ctx, b.Settings.Root, b.Settings.Inherited(), in, hash)
		if err != nil {
			return nil, err
		}
		from = &found
	}
	j := &job{in: in, hash: hash, origin: *from, context: filepath.Join(b.dir, r.Name), file: filepath.Join(b.dir, r.Name+".Dockerfile")}
	j.working = ref(b.Settings, r.Name, working+filepath.Base(b.dir))
	if err := os.Mkdir(j.context, 0o755); err != nil {
		return nil, err
	}
	if err := in.lay(j.context, from.Time); err != nil {
		return nil, err
	}
	// What is left out has been left out already: a .dockerignore that got into the
	// context must not have a say, and this one's precedes it.
	err := os.WriteFile(j.file+".dockerignore", []byte("# the context holds what is needed\n"), 0o644)
	return j, errors.Join(err, os.WriteFile(j.file, in.Dockerfile, 0o644))
}

// cleanup is a context for undoing things, which outlives a canceled one.
func cleanup(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
}

func (b *builder) dropWorkingNames(ctx context.Context, jobs []*job) {
	ctx, cancel := cleanup(ctx)
	defer cancel()
	for _, j := range jobs {
		if err := b.Engine.RemoveImage(ctx, j.working); err != nil && !errors.Is(err, engine.ErrNotFound) {
			b.say("removing the working name %s: %v", j.working, err)
		}
	}
}
