package image

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// manualDockerfiles are those that a page shows, by what they are built with.
func manualDockerfiles(t *testing.T, page string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", page))
	require.NoError(t, err)
	found := map[string]string{}
	for _, m := range regexp.MustCompile("(?s)```dockerfile\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		name, _, _ := strings.Cut(strings.TrimPrefix(m[1], "ARG "), "=")
		found[name] = m[1]
	}
	return found
}

// The Dockerfiles to begin with stand on our images, and get into any network.
func TestTheManualsDockerfiles(t *testing.T) {
	all := manualDockerfiles(t, "docs/en/your-own-apps.md")
	require.Len(t, all, 2)
	assert.Equal(t, all, manualDockerfiles(t, "docs/zh/your-own-apps.md"))
	for name, text := range all {
		d := parseDockerfile(text)
		assert.Contains(t, argument, name)
		assert.Empty(t, d.base(StageProd, nil), "%s: it needs a registry", name)
		assert.True(t, d.has(StageProd), name)
		assert.Regexp(t, `(?m)^USER \d+`, text)
		assert.Regexp(t, `(?m)^RUN --mount=type=secret,id=net --mount=type=secret,id=ca with-net `, text)
		assert.LessOrEqual(t, strings.Count(text, "\n"), 11)
	}
}
