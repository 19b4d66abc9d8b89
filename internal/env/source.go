package env

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Source is all that [Load] reads from. Tests make their own.
type Source struct {
	Root    string   // folder of the checkout
	Env     string   // name of the environment; "" takes ENV from Environ, then "dev"
	Environ []string // KEY=value, as os.Environ gives it
	Host    fs.FS    // the host's files, rooted at /; nil for the real ones

	// ReadOnly makes no secrets: the ones that are generated on first use stay
	// empty. For commands that only look (env:show, doctor).
	ReadOnly bool

	// Secretless takes a missing secret for no problem. For commands that look at another
	// environment than their own, whose secrets are on another machine.
	Secretless bool
}

// Process is the source of a running command: the checkout that the working
// folder is in, and the process environment.
func Process() (Source, error) {
	wd, err := os.Getwd()
	if err != nil {
		return Source{}, fmt.Errorf("finding the checkout: %w", err)
	}
	root, err := FindRoot(wd)
	if err != nil {
		return Source{}, err
	}
	return Source{Root: root, Environ: os.Environ()}, nil
}

// FindRoot walks up from dir to the folder whose go.mod says `module drydock`.
func FindRoot(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("finding the checkout from %s: %w", dir, err)
	}
	for at := abs; ; at = filepath.Dir(at) {
		mod, err := os.ReadFile(filepath.Join(at, "go.mod"))
		switch {
		case err == nil && isOurs(string(mod)):
			return at, nil
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("finding the checkout from %s: %w", dir, err)
		case at == filepath.Dir(at):
			return "", fmt.Errorf("finding the checkout: no go.mod with `module drydock` in %s or above it; run this inside the checkout", abs)
		}
	}
}

func isOurs(mod string) bool {
	for line := range strings.Lines(mod) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == "module" {
			return fields[1] == "drydock"
		}
	}
	return false
}

func (s Source) process() map[string]string { return Variables(s.Environ) }

// Variables are those of an environment, KEY=value each, by name; of two values with one name
// the first counts, as in os.Getenv.
func Variables(environ []string) map[string]string {
	m := make(map[string]string, len(environ))
	for _, pair := range environ {
		name, value, ok := strings.Cut(pair, "=")
		if _, seen := m[name]; ok && name != "" && !seen {
			m[name] = value
		}
	}
	return m
}

// hostFS is Host, or the real file system.
func (s Source) hostFS() fs.FS {
	if s.Host != nil {
		return s.Host
	}
	return os.DirFS("/")
}
