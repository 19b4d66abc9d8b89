package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// defaultHost is where every packaged engine listens.
const defaultHost = "unix:///var/run/docker.sock"

// endpoint is where an engine is, and with which certificates it is reached.
type endpoint struct{ host, tlsDir string }

// resolve chooses the engine as the docker command does: a host that is given,
// else the context that is given or chosen in config.json, else the default socket.
// https://docs.docker.com/engine/manage-resources/contexts/
func resolve(host string, o openOptions) (endpoint, error) {
	if host != "" {
		return endpoint{host: host, tlsDir: o.tlsDir}, nil
	}
	dir := o.configDir
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return endpoint{host: defaultHost}, nil // no home: no configuration either
		}
		dir = filepath.Join(home, ".docker")
	}
	name := o.context
	if name == "" {
		var err error
		if name, err = currentContext(filepath.Join(dir, "config.json")); err != nil {
			return endpoint{}, err
		}
	}
	if name == "" || name == "default" {
		return endpoint{host: defaultHost, tlsDir: o.tlsDir}, nil
	}
	return readContext(dir, name)
}

func currentContext(path string) (string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading the docker command's configuration: %w", err)
	}
	var config struct {
		CurrentContext string `json:"currentContext"`
	}
	if err := json.Unmarshal(text, &config); err != nil {
		return "", fmt.Errorf("reading %s: %w; correct it or set DOCKER_HOST", path, err)
	}
	return config.CurrentContext, nil
}

// readContext reads contexts/meta/<sha256 of the name>/meta.json.
func readContext(dir, name string) (endpoint, error) {
	sum := sha256.Sum256([]byte(name))
	id := hex.EncodeToString(sum[:])
	path := filepath.Join(dir, "contexts", "meta", id, "meta.json")
	text, err := os.ReadFile(path)
	if err != nil {
		return endpoint{}, fmt.Errorf("reading docker context %q: %w; `docker context ls` lists the ones that exist", name, err)
	}
	var meta struct {
		Endpoints map[string]struct{ Host string }
	}
	if err := json.Unmarshal(text, &meta); err != nil {
		return endpoint{}, fmt.Errorf("reading docker context %q in %s: %w", name, path, err)
	}
	host := meta.Endpoints["docker"].Host
	if host == "" {
		return endpoint{}, fmt.Errorf("docker context %q in %s names no docker host; set DOCKER_HOST", name, path)
	}
	e := endpoint{host: host}
	tlsDir := filepath.Join(dir, "contexts", "tls", id, "docker")
	if info, err := os.Stat(tlsDir); err == nil && info.IsDir() {
		e.tlsDir = tlsDir
	}
	return e, nil
}
