package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/build/constraint"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"drydock/internal/setup"
)

// Tags of files with tests that take too long to wait for with each change.
const (
	tagFaults = "faults" // of faults
	tagLong   = "long"   // of all else
	tagE2E    = "e2e"    // those with a browser or the whole stack, which have a tier of their own
)

// e2ePackages are those with tests that drive a browser or the whole stack.
var e2ePackages = []string{"./internal/e2e", "./internal/report"}

// Which tests of the whole stack are of faults. The manuals have a time-out of their own.
const (
	e2eFaults  = "^Test(Deploy|Remote|Faults|AnEmptyMachine)"
	e2eManuals = "^TestManuals$"
)

// longTimeout bounds one package's tests with such a tag.
const longTimeout = "2h"

// Faults runs the tests of faults of each package, and end to end each step of a deploy
// killed, each kind of bad release, an engine that is lost in the middle, and what the
// manuals say to do about all of it.
func (c *Checks) Faults(ctx context.Context) error {
	return errors.Join(
		c.tagged(ctx, tagFaults),
		c.endToEnd(ctx, c.goTestOnce, tagE2E+","+tagFaults, "-run="+e2eFaults, longTimeout),
		c.endToEnd(ctx, c.goTestOnce, tagE2E+","+tagFaults, "-run="+e2eManuals, longTimeout),
	)
}

// Long runs the other tests that take too long for every change: set-up on each system that
// it supports, builds on a second engine, and the bounds of what is rarely touched.
func (c *Checks) Long(ctx context.Context) error { return c.tagged(ctx, tagLong) }

// tagged runs the integration tests that only a tag brings in. One package at a time: their
// bounds are about recovery times.
func (c *Checks) tagged(ctx context.Context, tag string) error {
	if _, err := setup.EnsureCompiler(ctx, c.setup()); err != nil {
		return err
	}
	if _, err := setup.EnsureSSHServer(ctx, c.setup()); err != nil {
		return err
	}
	tests, err := taggedTests(os.DirFS(c.Settings.Root), tag)
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range slices.Sorted(maps.Keys(tests)) {
		c.say("== %s: %s", dir, strings.Join(tests[dir], ", "))
		err := c.goTest(ctx, c.Settings.Root, nil, "-race", "-tags=integration,"+tag, "-count=1", "-v", "-timeout="+longTimeout,
			"-run=^("+strings.Join(tests[dir], "|")+")$", "./"+dir)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("tests with the tag %s in %s: %w", tag, dir, err))
		}
	}
	return errors.Join(errs...)
}

var testFunc = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)

// taggedTests are the tests, by folder, that only this tag brings in beside integration.
func taggedTests(root fs.FS, tag string) (map[string][]string, error) {
	tests := map[string][]string{}
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != "." && (d.Name()[0] == '.' || d.Name() == "apps" || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		line, _, _ := bytes.Cut(text, []byte("\n"))
		if !constraint.IsGoBuild(string(line)) {
			return nil
		}
		when, err := constraint.Parse(string(line))
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		with := func(more bool) bool {
			return when.Eval(func(name string) bool { return name == "integration" || more && name == tag })
		}
		if with(false) || !with(true) {
			return nil
		}
		for _, m := range testFunc.FindAllSubmatch(text, -1) {
			dir := filepath.ToSlash(filepath.Dir(path))
			tests[dir] = append(tests[dir], string(m[1]))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for tests with the tag %s: %w", tag, err)
	}
	return tests, nil
}
