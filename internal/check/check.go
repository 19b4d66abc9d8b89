package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/image"
	"drydock/internal/run"
	"drydock/internal/setup"
)

// Checks runs the checks of one checkout.
type Checks struct {
	Settings *env.Settings
	Out      io.Writer // what go test and the checkers say
	Err      io.Writer // narration
}

// module is a Go module of the checkout and the sets of build tags that together bring in every
// file. None of them is without tags: what is built so is built with each, but for a constant or two
// that have another value then.
type module struct {
	Dir  string
	Tags []string
}

// modules are ours: the operations half, and the reference backend, which has a module of
// its own so that its image depends on nothing else.
func (c *Checks) modules() []module {
	return []module{
		{Dir: c.Settings.Root, Tags: []string{"integration," + tagE2E + "," + tagFaults + "," + tagLong, "mage"}},
		{Dir: c.Settings.Path(filepath.Join("apps", "backend")), Tags: []string{"integration"}},
	}
}

// Lint checks formatting, go vet and staticcheck, under every build tag, and the workflows of CI.
func (c *Checks) Lint(ctx context.Context) error {
	out, err := run.Output(ctx, run.Cmd{Name: "gofmt", Args: []string{"-l", "."}, Dir: c.Settings.Root, Env: c.env(), Stderr: c.Err})
	if err != nil {
		return fmt.Errorf("checking the format: %w", err)
	}
	if files := strings.Fields(string(out)); len(files) > 0 {
		return fmt.Errorf("checking the format: %s; run: gofmt -w %s", strings.Join(files, ", "), strings.Join(files, " "))
	}
	for _, m := range c.modules() {
		for _, tag := range m.Tags {
			packages := "./..."
			if tag == "mage" {
				packages = "./magefiles"
			}
			if err := c.goTool(ctx, m.Dir, nil, "vet", "-tags="+tag, packages); err != nil {
				return fmt.Errorf("go vet in %s with tag %q: %w", c.rel(m.Dir), tag, err)
			}
			if err := c.goTool(ctx, m.Dir, nil, "tool", "staticcheck", "-tags="+tag, packages); err != nil {
				return fmt.Errorf("staticcheck in %s with tag %q: %w", c.rel(m.Dir), tag, err)
			}
		}
	}
	workflows, err := filepath.Glob(c.Settings.Path(filepath.Join(".github", "workflows", "*.yml")))
	if err != nil {
		return err
	}
	if err := c.goTool(ctx, c.Settings.Root, nil, append([]string{"tool", "actionlint"}, workflows...)...); err != nil {
		return fmt.Errorf("checking .github/workflows: %w", err)
	}
	return nil
}

// Unit runs the tests that need nothing but Go, for an answer while one waits: without the
// race detector, under which Integration runs all of them again.
func (c *Checks) Unit(ctx context.Context) error {
	start := time.Now()
	for _, m := range c.modules() {
		if err := c.goTest(ctx, m.Dir, nil, "./..."); err != nil {
			return fmt.Errorf("unit tests in %s: %w", c.rel(m.Dir), err)
		}
	}
	c.say("unit tests passed in %s", time.Since(start).Round(time.Second))
	return nil
}

// Vuln looks for known vulnerabilities in what is used; it needs the network.
func (c *Checks) Vuln(ctx context.Context) error {
	var errs []error
	for _, m := range c.modules() {
		if err := c.goTool(ctx, c.Settings.Root, nil, "tool", "govulncheck", "-C", m.Dir, "./..."); err != nil {
			errs = append(errs, fmt.Errorf("govulncheck in %s: %w", c.rel(m.Dir), err))
		}
	}
	return errors.Join(errs...)
}

// testFlags leave out what every package would pay for again: Lint vets all of it, under every
// build tag, and nobody opens the programs of the tests in a debugger.
func testFlags() []string { return []string{"-vet=off", "-ldflags=-w"} }

// goTest runs tests.
func (c *Checks) goTest(ctx context.Context, dir string, extra []string, args ...string) error {
	return c.goTool(ctx, dir, extra, append(append([]string{"test"}, testFlags()...), args...)...)
}

// goTool runs the go command; its output is the result that people read.
func (c *Checks) goTool(ctx context.Context, dir string, extra []string, args ...string) error {
	return run.Run(ctx, run.Cmd{Name: "go", Args: args, Dir: dir, Env: append(c.env(), extra...), Stdout: c.Out, Stderr: c.Err})
}

// setup is how what only the tests need is installed.
func (c *Checks) setup() setup.Options {
	return setup.Options{
		Root: c.Settings.Root, DebianMirror: c.Settings.Build.DebianMirror, Environ: c.env(), Stdout: c.Err, Stderr: c.Err,
	}
}

// env is what the go command gets: our own environment without the settings, so that a
// test reads those that it makes itself.
func (c *Checks) env() []string { return c.Settings.Inherited() }

func (c *Checks) rel(dir string) string {
	r, err := filepath.Rel(c.Settings.Root, dir)
	if err != nil || r == "." {
		return "the checkout"
	}
	return r
}

func (c *Checks) say(format string, args ...any) {
	_, _ = fmt.Fprintf(c.Err, format+"\n", args...) // narration
}

// bases are what the images of the tests are built on.
var bases = []string{"base-trixie", "base-forky", "toolchain-go", "toolchain-node", "nginx-base"}

// All runs everything that a change has to pass, the quick ones first. What the images are
// built on comes meanwhile: that waits for the network, and lint for the processors.
func (c *Checks) All(ctx context.Context, e *engine.Client) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	built := make(chan error, 1)
	go func() {
		_, err := image.Build(ctx, image.BuildOptions{Settings: c.Settings, Engine: e, Err: c.Err, Names: bases})
		built <- err
	}()
	wait := sync.OnceValue(func() error { return <-built })
	defer func() {
		cancel()
		if early := wait(); err == nil {
			err = early
		}
	}()
	steps := []struct {
		name string
		run  func() error
	}{
		{"lint", func() error { return c.Lint(ctx) }},
		{"unit", func() error { return c.Unit(ctx) }},
		{"images", wait},
		{"integration", func() error { return c.Integration(ctx, e) }},
		{"end to end", func() error { return c.EndToEnd(ctx) }},
	}
	for _, s := range steps {
		c.say("== %s", s.name)
		if err := s.run(); err != nil {
			return err
		}
	}
	return nil
}
