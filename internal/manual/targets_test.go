package manual

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/testkit"
)

func read(t *testing.T) (root string, list []Target) {
	t.Helper()
	root = testkit.Root(t)
	list, err := Targets(filepath.Join(root, "magefiles"))
	require.NoError(t, err)
	require.NotEmpty(t, list)
	return root, list
}

func TestThePageIsNotStale(t *testing.T) {
	root, list := read(t)
	path := filepath.Join(root, "docs", "targets.md")
	if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
		require.NoError(t, os.WriteFile(path, []byte(Page(list)), 0o644))
	}
	have, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, Page(list), string(have), "run: go test ./internal/manual -update")
}

func TestEveryTargetIsDocumentedInOneLine(t *testing.T) {
	_, list := read(t)
	for _, target := range list {
		assert.NotEmpty(t, target.Text, "%s has no comment", target.Name)
		assert.True(t, strings.HasSuffix(target.Text, "."), "%s: %q", target.Name, target.Text)
	}
}

func TestHelpFitsATerminal(t *testing.T) {
	_, list := read(t)
	for line := range strings.Lines(Help(list)) {
		assert.LessOrEqual(t, len(strings.TrimRight(line, "\n")), 120, line)
	}
}
