package check

import (
	"go/build/constraint"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/testkit"
)

func TestTaggedTests(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	body := "\npackage x\n\nfunc TestOne(t *testing.T) {}\n\nfunc helper(t *testing.T) {}\n\nfunc TestTwo(t *testing.T) {}\n"
	got, err := taggedTests(fstest.MapFS{
		"internal/a/faults_test.go":      file("//go:build faults\n" + body),
		"internal/b/both_test.go":        file("//go:build integration && faults\n" + body),
		"internal/c/integration_test.go": file("//go:build integration\n" + body),
		"internal/d/either_test.go":      file("//go:build integration || faults\n" + body),
		"internal/e/unit_test.go":        file(body),
		"internal/f/e2e_test.go":         file("//go:build e2e\n" + body),
		"internal/g/code.go":             file("//go:build faults\n" + body),
		"internal/h/long_test.go":        file("//go:build integration && long\n" + body),
		"apps/backend/faults_test.go":    file("//go:build integration && faults\n" + body), // another module's
		"docker/tests/faults_test.go":    file("//go:build integration && faults\n" + body),
	}, tagFaults)
	require.NoError(t, err)
	both := []string{"TestOne", "TestTwo"}
	assert.Equal(t, map[string][]string{"internal/a": both, "internal/b": both, "docker/tests": both}, got)
	_, err = taggedTests(fstest.MapFS{"internal/a/x_test.go": file("//go:build &&\n" + body)}, tagLong)
	assert.ErrorContains(t, err, "internal/a/x_test.go")
	for _, tag := range []string{tagFaults, tagLong} {
		ours, err := taggedTests(os.DirFS(testkit.Root(t)), tag)
		require.NoError(t, err)
		assert.NotEmpty(t, ours, tag)
	}
}

// A test that no target runs is none.
func TestEachTestHasATier(t *testing.T) {
	root := testkit.Root(t)
	inE2E := func(dir string) bool { return slices.Contains(e2ePackages, "./"+dir) }
	named := func(pattern string) func(dir, name string) bool {
		r := regexp.MustCompile(pattern)
		return func(dir, name string) bool { return inE2E(dir) && r.MatchString(name) }
	}
	everywhere := func(string, string) bool { return true }
	tiers := []struct {
		tags []string
		runs func(dir, name string) bool
	}{
		{nil, everywhere},
		{[]string{"integration"}, everywhere},
		{[]string{"integration", tagFaults}, everywhere},
		{[]string{"integration", tagLong}, everywhere},
		{[]string{tagE2E}, func(dir, _ string) bool { return inE2E(dir) }},
		{[]string{tagE2E, tagFaults}, named(e2eFaults)},
		{[]string{tagE2E, tagFaults}, named(e2eManuals)},
	}
	tests := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() != filepath.Base(root) && strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		holds := func([]string) bool { return true }
		if line, _, _ := strings.Cut(string(text), "\n"); constraint.IsGoBuild(line) {
			when, err := constraint.Parse(line)
			if err != nil {
				return err
			}
			holds = func(tags []string) bool {
				return when.Eval(func(tag string) bool { return slices.Contains(tags, tag) || tag == runtime.GOOS })
			}
		}
		rel, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, m := range testFunc.FindAllSubmatch(text, -1) {
			tests++
			name := string(m[1])
			assert.True(t, slices.ContainsFunc(tiers, func(tier struct {
				tags []string
				runs func(dir, name string) bool
			}) bool {
				return holds(tier.tags) && tier.runs(filepath.ToSlash(rel), name)
			}), "%s of %s is run by no target", name, path)
		}
		return nil
	}))
	assert.Greater(t, tests, 500)
}
