package env

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// layer is one place of values; the first layer that has a key gives its value.
type layer struct {
	file    string // "" for the process environment
	values  map[string]string
	lines   map[string]int
	doubted map[string]bool
}

// origin is where the layer has a key.
func (l layer) origin(key string) Origin {
	if l.file == "" {
		return fromProcess
	}
	return Origin{File: l.file, Line: l.lines[key]}
}

var environmentName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,39}$`)

// Environments lists the names that env/<name>.env files give.
func Environments(root string) ([]string, error) {
	files, err := os.ReadDir(filepath.Join(root, "env"))
	if err != nil {
		return nil, fmt.Errorf("listing the environments: %w", err)
	}
	var names []string
	for _, f := range files {
		if name, ok := strings.CutSuffix(f.Name(), ".env"); ok && environmentName.MatchString(name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// environment returns the name of the environment: src.Env, ENV, or dev. The
// name is checked before it becomes a part of a path.
func environment(src Source, p *Problems) (string, bool) {
	name, at := src.Env, Origin{Note: "command"}
	if name == "" {
		name, at = src.process()["ENV"], fromProcess
	}
	if name == "" {
		name = "dev"
	}
	p.Env = name
	known, err := Environments(src.Root)
	switch {
	case err != nil:
		p.add(Origin{File: "env"}, "ENV", "the folder of the environments cannot be read ("+bare(err).Error()+")", "restore env/dev.env and env/prod.env from git")
	case !slices.Contains(known, name):
		p.add(at, "ENV", fmt.Sprintf("there is no environment %q", name),
			"choose one of "+strings.Join(known, ", ")+", or add env/<name>.env")
	default:
		return name, true
	}
	return name, false
}

// shared is the file of this machine that counts for every environment.
const shared = ".env"

// files are where an environment's settings stand, highest first.
func files(name string) []string {
	return []string{".env." + name + ".local", shared, "env/" + name + ".env"}
}

// readLayers reads the process environment and the files, highest first.
func readLayers(src Source, name string, p *Problems) []layer {
	layers := []layer{{values: src.process()}}
	for _, file := range files(name) {
		l, ok := readLayer(src.Root, file, p)
		if ok {
			layers = append(layers, l)
		}
	}
	return layers
}

// readLayer reads one dotenv file. One that isn't there is not a problem.
func readLayer(root, file string, p *Problems) (layer, bool) {
	l := layer{file: file, values: map[string]string{}, lines: map[string]int{}, doubted: map[string]bool{}}
	text, err := os.ReadFile(filepath.Join(root, file))
	if errors.Is(err, fs.ErrNotExist) {
		return l, false
	}
	if err != nil {
		p.add(Origin{File: file}, "", "the file cannot be read ("+bare(err).Error()+")", "check its owner and mode")
		return l, false
	}
	entries, faults := parseDotenv(text)
	for _, f := range faults {
		p.add(Origin{File: file, Line: f.line}, f.key, f.found, f.fix)
	}
	for _, e := range entries {
		l.values[e.key], l.lines[e.key], l.doubted[e.key] = e.value, e.line, e.doubtful
	}
	return l, true
}

// checkKeys refuses what a file must not set and what no one would read.
func (l layer) checkKeys(p *Problems) {
	for _, key := range sortedKeys(l.values) {
		k, known := byName()[key]
		at := l.origin(key)
		switch {
		case key == "ENV":
			p.add(at, key, "ENV chooses the file, so no file can set it", "give it with the command: ENV=prod go tool mage ...")
		case known && k.Option:
			p.add(at, key, "an option of one command, not a setting", "remove the line and give it with the command: "+key+"=... go tool mage ...")
		case known || l.doubted[key]:
		case isUserKey(key) || isSecretFile(key):
		default:
			unknownKey(at, key, p)
		}
	}
}

func unknownKey(at Origin, key string, p *Problems) {
	near := nearest(key, knownKeys())
	switch {
	case userPrefix(key) != "":
		p.add(at, key, "not a name that a container can have", userKeyRule)
	case userPrefix(strings.ToUpper(key)) != "":
		p.add(at, key, "an unknown key", "did you mean "+strings.ToUpper(key)+"?")
	case near != "":
		p.add(at, key, "an unknown key", "did you mean "+near+"?")
	case key == strings.ToUpper(key):
		p.add(at, key, "an unknown key", "remove it; `go tool mage env:show` lists the known ones; a variable of your own for a container is BACKEND_ENV_"+key)
	default:
		// It may be the last line of a pasted key (base64 ends with =): not shown.
		p.add(at, "", "an unknown key", "remove it, or put a value of several lines into quotes")
	}
}

// knownKeys is what a near miss may have meant.
func knownKeys() []string {
	var names []string
	for _, k := range schema() {
		names = append(names, k.Name)
		if k.Secret {
			names = append(names, k.Name+"_FILE")
		}
	}
	return names
}
