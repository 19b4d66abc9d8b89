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

// tagFaults marks files with tests of faults that take too long to wait for.
const tagFaults = "faults"

// Faults runs what takes too long for every change: the tests of faults of each package, and
// end to end each step of a deploy killed, each kind of bad release, and an engine that is
// lost in the middle. One package at a time: their bounds are about recovery times.
func (c *Checks) Faults(ctx context.Context) error {
	if _, err := setup.EnsureSSHServer(ctx, c.setup()); err != nil {
		return err
	}
	tests, err := faultTests(os.DirFS(c.Settings.Root))
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range slices.Sorted(maps.Keys(tests)) {
		c.say("== %s: %s", dir, strings.Join(tests[dir], ", "))
		err := c.goTool(ctx, c.Settings.Root, nil, "test", "-race", "-tags=integration,"+tagFaults, "-count=1", "-v", "-timeout=2h",
			"-run=^("+strings.Join(tests[dir], "|")+")$", "./"+dir)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("tests of faults in %s: %w", dir, err))
		}
	}
	return errors.Join(append(errs, c.endToEnd(ctx, "e2e,"+tagFaults, "-run=TestDeploy|TestRemote"))...)
}

var testFunc = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)

// faultTests are the tests, by folder, that only the tag of faults brings in.
func faultTests(root fs.FS) (map[string][]string, error) {
	tests := map[string][]string{}
	err := fs.WalkDir(root, "internal", func(path string, d fs.DirEntry, err error) error {
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
		with := func(faults bool) bool {
			return when.Eval(func(tag string) bool { return tag == "integration" || faults && tag == tagFaults })
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
		return nil, fmt.Errorf("looking for tests of faults: %w", err)
	}
	return tests, nil
}
