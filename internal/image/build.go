package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/run"
)

// Builder is the part of an engine that builds need.
type Builder interface {
	Saver
	Target
	HasImage(ctx context.Context, ref string) (bool, error)
	Pull(ctx context.Context, ref string, progress func(string)) error
	Import(ctx context.Context, rootfs io.Reader, o engine.ImportOptions) (string, error)
	RemoveImage(ctx context.Context, ref string) error
	Containers(ctx context.Context, f engine.Filter) ([]engine.Container, error)
	CLIEnv() []string
}

// BuildOptions say what to build.
type BuildOptions struct {
	Settings *env.Settings
	Engine   Builder
	Err      io.Writer // narration
	Names    []string  // images, see ShippedNames; none: all of them
	Stage    string    // of the apps: StageDev or StageProd; "" goes by the mode
	NoCache  bool      // build everything again, for a test of reproducibility
}

// Build makes sure that the images are there, and returns them in the order of Names. An
// image whose input has not changed is not built again. Cancelled or failed, it leaves
// no half image and no temporary file.
func Build(ctx context.Context, o BuildOptions) (list []Image, err error) {
	if len(o.Names) == 0 {
		o.Names = ShippedNames()
	}
	o.Err = run.Locked(o.Err) // several images are built at once
	if o.Stage == "" {
		o.Stage = string(o.Settings.Mode)
	}
	r, err := newRoom(ctx, o.Settings.Path(filepath.Join(".drydock", "build")), o.Engine, o.Settings.Image.Prefix)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	b := &builder{BuildOptions: o, dir: r.dir, recipes: catalogue(o.Settings), inputs: map[string]*input{}, have: map[string]Image{}, layers: map[string][]string{}}
	b.version = sync.OnceValues(func() (Version, error) {
		return ReadVersion(ctx, o.Settings.Root, o.Settings.Image.Version, o.Settings.Inherited())
	})
	defer b.readAhead()()
	b.roots = newRootChooser(o.Settings, o.Err)
	if err := b.look(ctx); err != nil {
		return nil, err
	}
	if err := b.all(ctx); err != nil {
		return nil, err
	}
	for _, name := range o.Names {
		list = append(list, b.have[name])
	}
	if b.built > 0 {
		err = b.sweep(ctx)
	}
	return list, err
}

// builder is the work of one Build.
type builder struct {
	BuildOptions
	dir     string
	recipes []recipe
	roots   *rootChooser
	local   []engine.Image    // ours, as the engine has them at the beginning
	inputs  map[string]*input // of what is wanted and what that needs, by name

	have   map[string]Image    // finished, by name
	layers map[string][]string // of finished images, by name
	built  int
	mu     sync.Mutex // guards have, layers and built

	version func() (Version, error) // of the checkout, read once and only if it is needed
}

// readAhead begins to read the version where an image will most likely be called by it, and returns how
// to wait for the end of that: git takes as long as the inputs do.
func (b *builder) readAhead() (wait func()) {
	var ahead sync.WaitGroup
	if slices.ContainsFunc(b.recipes, b.versioned) {
		ahead.Go(func() { _, _ = b.version() }) // who needs it gets the error, too
	}
	return ahead.Wait
}

// versioned says whether an image is wanted that is called by the version of the checkout.
func (b *builder) versioned(r recipe) bool {
	return stageName(b.Stage) == StageProd && r.App && r.Ready == "" && slices.Contains(b.Names, r.Name)
}

func (b *builder) say(format string, args ...any) {
	_, _ = fmt.Fprintf(b.Err, format+"\n", args...) // narration
}

// look lists the images that are there.
func (b *builder) look(ctx context.Context) (err error) {
	b.local, err = b.Engine.Images(ctx, engine.Filter{Labels: map[string]string{labelImage: ""}})
	return err
}

// all builds what is needed in waves: each wave holds every image whose own needs are met.
func (b *builder) all(ctx context.Context) error {
	order, err := b.gather(ctx)
	if err != nil {
		return err
	}
	if order, err = b.carry(ctx, order); err != nil {
		return err
	}
	for _, name := range order {
		if err := b.pullForeign(ctx, b.inputs[name]); err != nil {
			return err
		}
	}
	for len(order) > 0 {
		var wave []*input
		rest := order[:0:0]
		for _, name := range order {
			in := b.inputs[name]
			ready, err := b.resolve(ctx, in)
			switch {
			case err != nil:
				return err
			case !ready:
				rest = append(rest, name)
			case b.have[name].ID != "":
			case in.Recipe.Ready != "":
				if err := b.deriveReady(ctx, in); err != nil {
					return fmt.Errorf("adding a health check to %s: %w", in.Recipe.Ready, err)
				}
			default:
				wave = append(wave, in)
			}
		}
		if len(wave) > 0 {
			if err := b.wave(ctx, wave); err != nil {
				return err
			}
		} else if len(rest) > 0 && len(rest) == len(order) {
			return fmt.Errorf("ordering the builds: %s wait for one another", strings.Join(rest, ", "))
		}
		order = rest
	}
	return nil
}
