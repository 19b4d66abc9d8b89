package security

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/stack"
)

// Check looks at one environment.
type Check struct {
	Settings *env.Settings
	Engine   *engine.Client
	Out      io.Writer
}

// Run gathers, asks every rule and writes the report. A rule that fails is an error, after
// the report was written.
func (c *Check) Run(ctx context.Context) error {
	r, err := c.Report(ctx)
	if err != nil {
		return err
	}
	if err := r.Write(c.Out, c.Settings.Options.Format); err != nil {
		return err
	}
	if failed := r.Failed(); len(failed) > 0 {
		return fmt.Errorf("%d security rules fail: %s; docs/en/security.md says more about each", len(failed), strings.Join(failed, ", "))
	}
	return nil
}

// Report gathers and asks every rule.
func (c *Check) Report(ctx context.Context) (Report, error) {
	f, err := Gather(ctx, c.Engine, c.Settings)
	if err != nil {
		return Report{}, err
	}
	return Report{Project: c.Settings.Project, Env: c.Settings.Env, Mode: string(c.Settings.Mode), Rules: Run(f)}, nil
}

// Gather collects the facts about the environment's containers that are on the engine, and
// about the Dockerfiles of the checkout. An environment that is not up is an error: nothing
// found would look like nothing wrong.
func Gather(ctx context.Context, e *engine.Client, s *env.Settings) (Facts, error) {
	f := Facts{Mode: s.Mode, Images: map[string]Image{}, Networks: map[string]engine.Network{}}
	var err error
	if f.Daemon, err = e.Daemon(ctx); err != nil {
		return f, err
	}
	list, err := e.Containers(ctx, engine.Filter{Labels: map[string]string{stack.LabelProject: s.Project}, States: []engine.State{engine.Running, engine.Restarting, engine.Paused}})
	if err != nil {
		return f, err
	}
	if len(list) == 0 {
		return f, fmt.Errorf("looking at the containers of %s (%s): none runs; start the environment first: ENV=%s go tool mage up", s.Project, s.Env, s.Env)
	}
	f.Containers = make([]engine.Confinement, len(list))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for i, one := range list {
		g.Go(func() (err error) {
			f.Containers[i], err = e.Confinement(gctx, one.ID)
			if errors.Is(err, engine.ErrNotFound) { // gone meanwhile
				return nil
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return f, err
	}
	f.Containers = slices.DeleteFunc(f.Containers, func(c engine.Confinement) bool { return c.ID == "" })
	for _, one := range f.Containers {
		if err := f.addImage(ctx, e, one.ImageID); err != nil {
			return f, err
		}
		for _, n := range one.Networks {
			if _, ok := f.Networks[n.Network]; ok || n.ID == "" {
				continue
			}
			if f.Networks[n.Network], err = e.Network(ctx, n.ID); err != nil {
				return f, err
			}
		}
	}
	f.Dockerfiles, err = dockerfilesOf(s)
	return f, err
}

func (f Facts) addImage(ctx context.Context, e *engine.Client, id string) error {
	if _, ok := f.Images[id]; ok {
		return nil
	}
	img, err := e.Image(ctx, id)
	if errors.Is(err, engine.ErrNotFound) { // removed by force under a running container
		return nil
	}
	if err != nil {
		return err
	}
	history, err := e.History(ctx, id)
	if err != nil {
		return err
	}
	f.Images[id] = Image{Image: img, History: history}
	return nil
}

// dockerfilesOf are those of the checkout, and those of the apps wherever they are.
func dockerfilesOf(s *env.Settings) ([]Dockerfile, error) {
	paths, err := filepath.Glob(s.Path("docker/*/Dockerfile"))
	if err != nil {
		return nil, err
	}
	for _, a := range []env.App{s.Backend, s.Frontend} {
		if p := s.Path(a.Dockerfile); a.Image == "" && a.Dockerfile != "" && !slices.Contains(paths, p) {
			paths = append(paths, p)
		}
	}
	var list []Dockerfile
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if errors.Is(err, fs.ErrNotExist) { // a setting that env:check complains about
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading a Dockerfile: %w", err)
		}
		shown, err := filepath.Rel(s.Root, p)
		if err != nil {
			shown = p
		}
		list = append(list, ParseDockerfile(filepath.ToSlash(shown), string(text)))
	}
	return list, nil
}
