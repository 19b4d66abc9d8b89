package manual

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/env"
	"drydock/internal/gateway/lint"
	"drydock/internal/testkit"
)

func ours(t *testing.T) (root string, list []Target) {
	t.Helper()
	root = testkit.Root(t)
	list, err := Targets(filepath.Join(root, "magefiles"))
	require.NoError(t, err)
	require.NotEmpty(t, list)
	return root, list
}

func TestGeneratedPagesAreNotStale(t *testing.T) {
	root, list := ours(t)
	rules, err := lint.Markdown()
	require.NoError(t, err)
	for name, want := range map[string]string{"targets.md": Page(list), "nginx-rules.md": rules} {
		path := filepath.Join(root, "docs", name)
		if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
			require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
		}
		have, err := os.ReadFile(path)
		require.NoError(t, err)
		if want != string(have) { // the difference of two long pages helps nobody
			t.Errorf("docs/%s is stale; run: go test ./internal/manual -update", name)
		}
	}
}

func TestEveryTargetIsDocumentedInOneLine(t *testing.T) {
	_, list := ours(t)
	for _, target := range list {
		assert.NotEmpty(t, target.Text, "%s has no comment", target.Name)
		assert.True(t, strings.HasSuffix(target.Text, "."), "%s: %q", target.Name, target.Text)
	}
}

func TestHelpFitsATerminal(t *testing.T) {
	_, list := ours(t)
	for line := range strings.Lines(Help(list)) {
		assert.LessOrEqual(t, len(strings.TrimRight(line, "\n")), 120, line)
	}
}

// An option that nobody can find in the help of the target that reads it might not be there.
func TestTargetsNameTheirOptions(t *testing.T) {
	_, list := ours(t)
	texts, all := map[string]string{}, ""
	for _, target := range list {
		texts[target.Name] = target.Text
		all += target.Text + "\n"
	}
	names := regexp.MustCompile("`([a-z][A-Za-z:]*)`")
	for _, k := range env.Schema() {
		if !k.Option || k.Name == "NO_COLOR" || k.Name == "CI" { // of every target
			continue
		}
		assert.Regexp(t, `\b`+k.Name+`\b`, all, "no target names it")
		for _, m := range names.FindAllStringSubmatch(k.Doc, -1) {
			if text, ok := texts[m[1]]; assert.True(t, ok, "%s: there is no target %s", k.Name, m[1]) {
				assert.Regexp(t, `\b`+k.Name+`\b`, text, "%s does not name it", m[1])
			}
		}
	}
	assert.Contains(t, texts["up"], "ENV=")
}
