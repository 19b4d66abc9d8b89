package env

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// blockWith is the block of code of a page, indented or not, that has a line.
func blockWith(t *testing.T, page, line string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", page))
	require.NoError(t, err)
	for _, block := range regexp.MustCompile(`(?m)(?:^(?:    .*)?\n)+`).FindAllString(string(text), -1) {
		if block = strings.ReplaceAll("\n"+block, "\n    ", "\n"); strings.Contains(block, "\n"+line) {
			return block
		}
	}
	require.FailNow(t, "no such block", "%s: %s", page, line)
	return ""
}

// What the manual says about an app of one's own is a .env that is good as it stands.
func TestTheManualsSettingsOfOnesOwnApp(t *testing.T) {
	own := map[string]string{"apps/shop-api/Dockerfile": "FROM scratch\n", "apps/shop-web/Dockerfile": "FROM scratch\n"}
	own[".env"] = blockWith(t, "README.md", "BACKEND_CONTEXT=apps/shop-api")
	s, err := Load(source(checkout(t, own), ""))
	require.NoError(t, err)
	assert.Equal(t, []string{"npm", "run", "migrate"}, s.Backend.Migrate)
	assert.Equal(t, "/api/version", s.Deploy.VersionPath)
	assert.Equal(t, "apps/shop-api/migrations", s.Deploy.Migrations)
	assert.Equal(t, Drill{Read: "/api/orders", Write: `/api/orders {"item":"drill"}`}, s.Backup.Drill)

	for _, page := range []string{"docs/en/your-own-apps.md", "docs/zh/your-own-apps.md"} {
		s, err := Load(source(checkout(t, map[string]string{".env": blockWith(t, page, "BACKEND_VERSION_PATH=")}), ""))
		require.NoError(t, err, page)
		assert.Empty(t, s.Backend.Migrate, page)
		assert.Empty(t, s.Deploy.VersionPath+s.Deploy.Migrations+s.Backup.Drill.Read+s.Backup.Drill.Write, "%s: all of them are emptied", page)
	}
}
