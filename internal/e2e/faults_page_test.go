//go:build e2e && faults

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/testkit"
)

// The page has the faults of the table, in its order, and none that is not tried any more.
func TestFaultsArePublished(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(testkit.Root(t), "docs", "faults.md"))
	require.NoError(t, err)
	table, _, _ := strings.Cut(string(text), "## Other faults")
	var have, want []string
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, " | "); len(cells) == 6 && cells[1] != "---" && cells[0] != "| fault" {
			have = append(have, strings.TrimPrefix(cells[0], "| ")+": "+cells[1])
		}
	}
	for _, c := range calamities() {
		want = append(want, c.name+": "+c.gets)
	}
	assert.Equal(t, want, have, "go tool mage test:faults writes docs/faults.md")
}
