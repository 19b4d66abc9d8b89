package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

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
	b := &builder{BuildOptions: o, dir: r.dir, recipes: catalogue(o.Settings), have: map[string]Image{}, layers: map[string][]string{}}
	b.version = sync.OnceValues(func() (Version, error) {
		return ReadVersion(ctx, o.Settings.Root, o.Settings.Image.Version, o.Settings.Inherited())
	})
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
	local   []engine.Image // ours, as the engine has them at the beginning

	have   map[string]Image    // finished, by name
	layers map[string][]string // of finished images, by name
	built  int
	mu     sync.Mutex // guards have, layers and built

	version func() (Version, error) // of the checkout, read once and only if it is needed
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
	inputs, order, err := b.gather(ctx)
	if err != nil {
		return err
	}
	for len(order) > 0 {
		var wave []*input
		rest := order[:0:0]
		for _, name := range order {
			in := inputs[name]
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

// gather reads the inputs of everything that is asked for and what that needs, in the
// order of the catalogue.
func (b *builder) gather(ctx context.Context) (map[string]*input, []string, error) {
	inputs := map[string]*input{}
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
				in.Images["READY"] = found.ID
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
		if err := b.foreignBase(ctx, in); err != nil {
			return err
		}
		in.Probe = r.App && in.Stage != StageTest && !in.Parsed.checked(in.Stage)
		for _, need := range in.needs() {
			if err := add(need); err != nil {
				return err
			}
		}
		return nil
	}
	for _, name := range b.Names {
		if err := add(name); err != nil {
			return nil, nil, err
		}
	}
	var order []string
	for _, r := range b.recipes {
		if _, ok := inputs[r.Name]; ok {
			order = append(order, r.Name)
		}
	}
	return inputs, order, nil
}

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
	if !b.NoCache || groundwork(r.Name) {
		if l, ok := b.there(r.Name, hash); ok {
			return true, b.finish(ctx, in, hash, l.ID, false)
		}
	}
	return true, nil
}

// resolveRoot decides what a base image begins with.
func (b *builder) resolveRoot(ctx context.Context, in *input) error {
	src, err := b.roots.choose(ctx, in.Recipe.Root, func(src rootSource) bool {
		in.Images["ROOT"] = src.key()
		_, have := b.there(in.Recipe.Name, in.Hash())
		return have
	})
	in.Images["ROOT"], in.From = src.key(), src
	return err
}

// there finds an image of ours by its input.
func (b *builder) there(name, hash string) (engine.Image, bool) {
	for _, l := range b.local {
		if l.Labels[labelInput] == hash && l.Labels[labelImage] == name && genuine(l) {
			return l, true
		}
	}
	return engine.Image{}, false
}

// foreignBase looks at the image of somebody else that an input begins with: a user's own
// Dockerfile, or a toolchain that a setting names. It becomes a part of the input, so that
// a new one is noticed, and tells which layers are not ours to rewrite.
func (b *builder) foreignBase(ctx context.Context, in *input) error {
	from := in.Parsed.base(in.Stage, in.Recipe.Args)
	if from == "" {
		return nil
	}
	found, err := b.Engine.Image(ctx, from)
	if errors.Is(err, engine.ErrNotFound) {
		b.say("%s: pulling %s", in.Recipe.Name, from)
		if err := b.Engine.Pull(ctx, from, nil); err != nil {
			if ctx.Err() != nil {
				return err
			}
			// It may need a login, which the builder has.
			b.say("%s: %v; leaving it to the builder", in.Recipe.Name, err)
			return nil
		}
		found, err = b.Engine.Image(ctx, from)
	}
	if err != nil {
		return err
	}
	in.Images["FROM"], in.foreign = found.ID, found.Layers
	return nil
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
	from, err := originOf(ctx, b.Settings.Root, b.Settings.Inherited(), in, hash)
	if err != nil {
		return nil, err
	}
	j := &job{in: in, hash: hash, origin: from, context: filepath.Join(b.dir, r.Name), file: filepath.Join(b.dir, r.Name+".Dockerfile")}
	j.working = ref(b.Settings, r.Name, working+filepath.Base(b.dir))
	if err := os.Mkdir(j.context, 0o755); err != nil {
		return nil, err
	}
	if err := in.lay(j.context, from.Time); err != nil {
		return nil, err
	}
	// What is left out has been left out already: a .dockerignore that got into the
	// context must not have a say, and this one's precedes it.
	err = os.WriteFile(j.file+".dockerignore", []byte("# the context holds what is needed\n"), 0o644)
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
