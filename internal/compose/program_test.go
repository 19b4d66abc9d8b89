package compose

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestProgramIsTheCLIsPlugin(t *testing.T) {
	write := func(mode os.FileMode, text string, path ...string) string {
		t.Helper()
		file := filepath.Join(path...)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), mode))
		return file
	}
	const plugin = "docker-compose"
	cli := []string{"compose"}

	home := t.TempDir()
	own := write(0o755, "", home, ".docker", "cli-plugins", plugin)
	name, args := program([]string{"HOME=/nowhere", "HOME=" + home})
	assert.Equal(t, own, name)
	assert.Empty(t, args)

	// A folder of the configuration comes first; DOCKER_CONFIG is another configuration.
	other := t.TempDir()
	extra := write(0o755, "", other, "extra", plugin)
	write(0o755, "", other, "cli-plugins", plugin)
	write(0o644, `{"cliPluginsExtraDirs":["`+filepath.Join(other, "absent")+`","`+filepath.Join(other, "extra")+`"]}`, other, "config.json")
	name, _ = program([]string{"HOME=" + home, "DOCKER_CONFIG=" + other})
	assert.Equal(t, extra, name)

	// What is wrong, the CLI tells.
	broken := t.TempDir()
	write(0o755, "", broken, "cli-plugins", plugin)
	write(0o644, `{`, broken, "config.json")
	name, args = program([]string{"DOCKER_CONFIG=" + broken})
	assert.Equal(t, "docker", name)
	assert.Equal(t, cli, args)
	unfit := t.TempDir()
	write(0o644, "", unfit, "cli-plugins", plugin)
	name, args = program([]string{"DOCKER_CONFIG=" + unfit})
	assert.Equal(t, "docker", name)
	assert.Equal(t, cli, args)
	name, args = program([]string{"PATH=/bin"})
	assert.Equal(t, "docker", name)
	assert.Equal(t, cli, args)
}
