package compose

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"

	"drydock/internal/run"
)

// program is what runs compose: the plugin itself where the CLI would find it, which is a program of
// its own, too (https://docs.docker.com/compose/install/standalone/), else the CLI. The CLI starts the
// plugin twice, once to ask who it is: together a quarter of a second that each call would wait for.
func program(environ []string) (name string, args []string) {
	for _, dir := range pluginDirs(environ) {
		path := filepath.Join(dir, "docker-compose")
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		// The CLI takes the first one and complains if it cannot be run: so does this, by way of the CLI.
		if info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			return path, nil
		}
		break
	}
	return "docker", []string{"compose"}
}

// pluginDirs are where the CLI looks, in its order (docker/cli, cli-plugins/manager). Elsewhere than on
// Linux the CLI is asked.
func pluginDirs(environ []string) []string {
	if runtime.GOOS != "linux" {
		return nil
	}
	config, _ := run.Lookup(environ, "DOCKER_CONFIG")
	if config == "" {
		home, _ := run.Lookup(environ, "HOME")
		if home == "" {
			return nil
		}
		config = filepath.Join(home, ".docker")
	}
	var file struct {
		Extra []string `json:"cliPluginsExtraDirs"`
	}
	text, err := os.ReadFile(filepath.Join(config, "config.json"))
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	if err != nil && !os.IsNotExist(err) {
		return nil // the CLI has something to say about that
	}
	return append(file.Extra, filepath.Join(config, "cli-plugins"), "/usr/local/lib/docker/cli-plugins", "/usr/local/libexec/docker/cli-plugins",
		"/usr/lib/docker/cli-plugins", "/usr/libexec/docker/cli-plugins")
}
