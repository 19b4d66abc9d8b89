package compose

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// identifier is what a value in a file, or of the environment, can be called.
var identifier = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)

// naming are the keys of a compose file that name another file which is part of it
// (https://github.com/compose-spec/compose-spec/blob/main/spec.md).
var naming = []string{"env_file", "extends", "file", "include", "label_file", "path", "project_directory"}

// Input is the hash of everything that compose makes a project from: its files, the files that those
// name, and the values of the names in them. The same input means the same services. "" is a
// project of which this cannot be said, since the name of a file depends on a value.
func (r *Runner) Input(p Project) (string, error) {
	in := input{dir: p.Dir, seen: map[string]bool{}, words: map[string]bool{}, known: true}
	for _, f := range p.Files {
		if err := in.file(f); err != nil {
			return "", fmt.Errorf("reading the compose files of %s: %w", p.Name, err)
		}
	}
	in.add("generated", p.Override)
	if !in.known {
		return "", nil
	}
	// Compose takes a value from whatever environment it is called in, so ours counts where it is asked for.
	values := slices.DeleteFunc(without(r.Env, "COMPOSE_"), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return !in.words[name]
	})
	slices.Sort(values)
	own := slices.Sorted(slices.Values(p.Env))
	h := sha256.Sum256(fmt.Appendf(nil, "%q\n%q\n%q\n%q\n", p.Name, in.texts, values, own))
	return hex.EncodeToString(h[:]), nil
}

// input collects what a project is made from.
type input struct {
	dir   string // base of relative paths
	texts []string
	seen  map[string]bool // files
	words map[string]bool
	known bool
}

func (in *input) add(name string, text []byte) {
	in.texts = append(in.texts, name, string(text))
	for _, w := range identifier.FindAll(text, -1) {
		in.words[string(w)] = true
	}
}

func (in *input) file(path string) error {
	if in.seen[path] {
		return nil
	}
	in.seen[path] = true
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	in.add(path, text)
	if ext := filepath.Ext(path); ext != ".yaml" && ext != ".yml" {
		return nil
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		in.known = false // compose has something to say about that
		return nil
	}
	return in.node(&doc, filepath.Dir(path), false)
}

// node looks for files; dir is the folder of the file that it is in, and named is whether it is below
// a key that names some.
func (in *input) node(n *yaml.Node, dir string, named bool) error {
	if n.Kind == yaml.ScalarNode && named {
		return in.name(n.Value, dir)
	}
	for i, c := range n.Content {
		below := named
		if n.Kind == yaml.MappingNode {
			if i%2 == 0 {
				continue // a key
			}
			below = named || slices.Contains(naming, n.Content[i-1].Value)
		}
		if err := in.node(c, dir, below); err != nil {
			return err
		}
	}
	return nil
}

// name adds the file that a value names. Without one it is the name of a service, a folder, or a
// file that need not be there: then it counts that it is not.
func (in *input) name(value, dir string) error {
	if strings.Contains(value, "$") {
		in.known = false
		return nil
	}
	paths := []string{value}
	if !filepath.IsAbs(value) { // in a file that is included: relative to that one
		paths = []string{filepath.Join(in.dir, value), filepath.Join(dir, value)}
	}
	for _, path := range paths {
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			continue
		}
		if err := in.file(path); err != nil {
			return err
		}
	}
	return nil
}
