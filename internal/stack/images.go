package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"drydock/internal/aside"
	"drydock/internal/engine"
	"drydock/internal/image"
	"drydock/internal/run"
)

// Build makes sure that the images are there and writes what they are.
func (s *Stack) Build(ctx context.Context) error {
	list, err := s.images(ctx, s.Settings.Options.Images, "")
	if err != nil {
		return err
	}
	if s.Settings.Options.Format == "json" {
		return s.writeJSON(list)
	}
	for _, i := range list {
		word := "up to date"
		if i.Built {
			word = "built"
		} else if i.Foreign {
			word = "given"
		}
		if _, err := fmt.Fprintf(s.Out, "%-10s  %-10s  %s\n", i.Name, word, i.Ref); err != nil {
			return err
		}
	}
	return nil
}

// images builds what is missing of the named images (none: all) in a stage ("": the mode's).
func (s *Stack) images(ctx context.Context, names []string, stage string) ([]image.Image, error) {
	if s.Builder == nil {
		return image.Build(ctx, image.BuildOptions{Settings: s.Settings, Engine: s.Engine, Err: s.Err, Names: names, Stage: stage})
	}
	list, err := image.Build(ctx, image.BuildOptions{Settings: s.Settings, Engine: s.Builder, Err: s.Err, Names: names, Stage: stage})
	if err != nil {
		return nil, err
	}
	var refs []string
	for _, i := range list {
		refs = append(refs, i.Ref)
	}
	_, err = image.Ship(ctx, s.Builder, s.Engine, refs, image.ShipOptions{Compress: image.Remote(s.Engine.Host()), Narrate: s.Err})
	return list, err
}

// BuildEngine is the engine that makes images.
func (s *Stack) BuildEngine() *engine.Client {
	if s.Builder != nil {
		return s.Builder
	}
	return s.Engine
}

// ListImages shows this checkout's images in the engine.
func (s *Stack) ListImages(ctx context.Context) error {
	rows, others, err := image.List(ctx, s.Engine, s.pruneRules(), time.Now())
	if err != nil {
		return err
	}
	if others > 0 {
		s.say("%d more images of Drydock's have other names than %s/...: another IMAGE_PREFIX made them", others, s.Settings.Image.Prefix)
	}
	return image.WriteList(s.Out, rows, s.Settings.Options.Format)
}

func (s *Stack) pruneRules() image.PruneRules {
	return image.PruneRules{Prefix: s.Settings.Image.Prefix, Keep: s.Settings.Image.Keep}
}

// The build cache that stays: what was used in the last month, and no more than this.
const (
	cacheUnused = 30 * 24 * time.Hour
	cacheKeep   = 10 << 30
)

// PruneImages removes images that nothing needs any more.
func (s *Stack) PruneImages(ctx context.Context) error {
	report, err := image.Prune(ctx, s.Engine, image.PruneOptions{
		Rules: s.pruneRules(), DryRun: s.Settings.Options.DryRun, Narrate: s.Err,
		Cache: &image.CacheRules{Unused: cacheUnused, Keep: cacheKeep, Env: append(s.Settings.Inherited(), s.Engine.CLIEnv()...)},
	})
	if err != nil {
		return err
	}
	return image.WritePrune(s.Out, report, s.Settings.Options.Format)
}

// PushImages publishes the production images.
func (s *Stack) PushImages(ctx context.Context) error {
	if s.Settings.Image.Registry == "" {
		return run.WithCode(run.CodeBadInput, errors.New("pushing images: REGISTRY is not set; give host[:port]/path, for example REGISTRY=registry.example.com/team"))
	}
	registry, err := image.RegistryOf(s.Settings)
	if err != nil {
		return err
	}
	list, err := s.images(ctx, s.Settings.Options.Images, image.StageProd)
	if err != nil {
		return err
	}
	var push []image.PushImage
	for _, i := range list {
		if i.Foreign {
			continue // it comes from a registry already
		}
		_, tag, _ := strings.Cut(path.Base(i.Ref), ":")
		push = append(push, image.PushImage{Ref: i.Ref, Name: i.Name, Tag: tag})
	}
	done, err := image.Push(ctx, s.Engine, push, registry, s.Err)
	if s.Settings.Options.Format == "json" {
		return errors.Join(err, s.writeJSON(done))
	}
	for _, p := range done {
		if _, printErr := fmt.Fprintf(s.Out, "%-10s  %-10s  %s\n", p.Name, p.Status, p.Ref); printErr != nil {
			return errors.Join(err, printErr)
		}
	}
	return err
}

// ShipImages brings the production images to another engine.
func (s *Stack) ShipImages(ctx context.Context) (err error) {
	to := s.Settings.Options.To
	if to == "" {
		return run.WithCode(run.CodeBadInput, errors.New("shipping images: TO is not set; give the other engine as in DOCKER_HOST, for example TO=ssh://deploy@server"))
	}
	target, err := engine.OpenAs(ctx, to, s.Settings.Inherited())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	list, err := s.images(ctx, s.Settings.Options.Images, image.StageProd)
	if err != nil {
		return err
	}
	var refs []string
	for _, i := range list {
		refs = append(refs, i.Ref)
	}
	done, err := image.Ship(ctx, s.Engine, target, refs, image.ShipOptions{Compress: image.Remote(to), Narrate: s.Err})
	if s.Settings.Options.Format == "json" {
		return errors.Join(err, s.writeJSON(done))
	}
	for _, d := range done {
		if _, printErr := fmt.Fprintf(s.Out, "%-10s  %s\n", d.Status, d.Ref); printErr != nil {
			return errors.Join(err, printErr)
		}
	}
	return err
}

// BillImages writes a bill of materials for each image: to stdout for one, else a file
// each in .drydock/sbom.
func (s *Stack) BillImages(ctx context.Context, kind *string) error {
	format := ""
	if kind != nil {
		format = *kind
	}
	parsed, err := image.ParseSBOMKind(format)
	if err != nil {
		return run.WithCode(run.CodeBadInput, err)
	}
	list, err := s.images(ctx, s.Settings.Options.Images, image.StageProd)
	if err != nil {
		return err
	}
	dir := s.Settings.Path(filepath.Join(".drydock", "sbom"))
	if len(list) > 1 {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making room for the bills of materials: %w", err)
		}
	}
	for _, i := range list {
		o := image.SBOMOptions{Kind: parsed}
		if i.Name == image.Frontend && !i.Foreign {
			// The image holds only what the bundler made; the lock file says of what.
			lock, err := os.ReadFile(s.Settings.Path(filepath.Join(s.Settings.Frontend.Context, "package-lock.json")))
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("reading what the frontend is made of: %w", err)
			}
			o.NpmLock = lock
		}
		if err := s.bill(ctx, i, o, dir, len(list) == 1); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stack) bill(ctx context.Context, i image.Image, o image.SBOMOptions, dir string, only bool) error {
	if only {
		return image.WriteSBOM(ctx, s.Engine, i.Ref, o, s.Out)
	}
	name := filepath.Join(dir, i.Name+"."+string(o.Kind)+".json")
	err := aside.Write(name, 0o600, func(w io.Writer) error { return image.WriteSBOM(ctx, s.Engine, i.Ref, o, w) })
	if err != nil {
		return fmt.Errorf("writing the bill of materials of %s: %w", i.Name, err)
	}
	_, err = fmt.Fprintln(s.Out, name)
	return err
}

func (s *Stack) writeJSON(v any) error {
	enc := json.NewEncoder(s.Out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// ShowStatus writes how the environment is; what is not healthy is a failure, so that a
// script can ask.
func (s *Stack) ShowStatus(ctx context.Context) error {
	r, err := s.Status(ctx)
	if err != nil {
		return err
	}
	write := r.WriteText
	if s.Settings.Options.Format == "json" {
		write = r.WriteJSON
	}
	if err := write(s.Out); err != nil {
		return err
	}
	return r.complaint(s.command)
}
