package lint_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/gateway/lint"
	"drydock/internal/testkit"
)

// example is a file of testdata/rules: what a rule finds in the bad configuration, and
// a good one in which it finds nothing.
type example struct {
	version  string
	bad      fstest.MapFS
	good     fstest.MapFS
	badEnv   *lint.Stack
	goodEnv  *lint.Stack
	expected string
	archive  *txtar.Archive
}

func readExample(t *testing.T, path string) example {
	t.Helper()
	a, err := txtar.ParseFile(path)
	require.NoError(t, err)
	e := example{bad: fstest.MapFS{}, good: fstest.MapFS{}, archive: a}
	for _, line := range strings.Split(string(a.Comment), "\n") {
		if v, ok := strings.CutPrefix(line, "version: "); ok {
			e.version = v
		}
	}
	for _, f := range a.Files {
		dir, name, _ := strings.Cut(f.Name, "/")
		switch {
		case f.Name == "expected":
			e.expected = string(f.Data)
		case name == "stack.json":
			var s lint.Stack
			require.NoError(t, json.Unmarshal(f.Data, &s))
			if dir == "bad" {
				e.badEnv = &s
			} else {
				e.goodEnv = &s
			}
		case dir == "bad":
			e.bad[name] = &fstest.MapFile{Data: f.Data}
		case dir == "good":
			e.good[name] = &fstest.MapFile{Data: f.Data}
		}
	}
	return e
}

func TestRules(t *testing.T) {
	update := flag.Lookup("update").Value.String() == "true"
	for _, rule := range lint.Rules() {
		t.Run(rule.ID, func(t *testing.T) {
			path := filepath.Join("testdata", "rules", rule.ID+".txtar")
			e := readExample(t, path)
			found, err := lint.Run(lint.Input{Root: ".", FS: e.bad, Version: e.version, Stack: e.badEnv})
			require.NoError(t, err)
			var b strings.Builder
			for _, f := range found {
				if f.Rule == rule.ID {
					fmt.Fprintf(&b, "%s:%d: %s: %s\n", f.File, f.Line, f.Severity, f.Message)
				}
			}
			assert.NotEmpty(t, b.String(), "the bad example shows nothing")
			if update {
				for i := range e.archive.Files {
					if e.archive.Files[i].Name == "expected" {
						e.archive.Files[i].Data = []byte(b.String())
					}
				}
				require.NoError(t, os.WriteFile(path, txtar.Format(e.archive), 0o644))
			} else {
				assert.Equal(t, e.expected, b.String())
			}

			found, err = lint.Run(lint.Input{Root: ".", FS: e.good, Version: e.version, Stack: e.goodEnv})
			require.NoError(t, err)
			for _, f := range found {
				if f.Rule == rule.ID || f.Severity == lint.Error {
					t.Errorf("in the good example: %s", f)
				}
			}
		})
	}
	files, err := filepath.Glob("testdata/rules/*.txtar")
	require.NoError(t, err)
	assert.Len(t, files, len(lint.Rules()), "each example belongs to a rule")
}

func TestRulesAreComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range lint.Rules() {
		assert.False(t, seen[r.ID], r.ID)
		seen[r.ID] = true
		assert.Regexp(t, `^[a-z0-9-]+$`, r.ID)
		for _, text := range []string{r.Title, r.Why, r.Fix, r.Source} {
			assert.NotEmpty(t, text, r.ID)
		}
		assert.Contains(t, []lint.Severity{lint.Error, lint.Warning}, r.Severity, r.ID)
	}
}

func TestMarkdownGolden(t *testing.T) {
	text, err := lint.Markdown()
	require.NoError(t, err)
	testkit.Golden(t, "rules.md", []byte(text))
}
