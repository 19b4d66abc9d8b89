package compose

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// Input is the hash of everything that compose makes a project from: its files, the files that those
// name, and the values of the names in them. The same input means the same services. It is not known
// of what this does not follow to its end: then compose alone can tell.
func (r *Runner) Input(p Project) (sum string, known bool) {
	in := input{dir: p.Dir, seen: map[string]bool{}, words: map[string]bool{}}
	for _, f := range p.Files {
		if !in.compose(f) {
			return "", false
		}
	}
	in.add("generated", p.Override)
	// Compose takes a value from whatever environment it is called in, so ours counts where it is asked for.
	outside := lastValues(without(r.Env, "COMPOSE_"))
	for name := range outside {
		if !in.words[name] {
			delete(outside, name)
		}
	}
	h := sha256.Sum256(fmt.Appendf(nil, "%q\n%q\n%q\n%q\n", p.Name, in.texts, outside, lastValues(p.Env))) // maps are printed in order
	return hex.EncodeToString(h[:]), true
}

// lastValues is an environment as a process sees it: of a name that comes twice, the last value.
func lastValues(environ []string) map[string]string {
	values := map[string]string{}
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		values[name] = value
	}
	return values
}

// words are what a value in a file, or of the environment, can be called: by compose's own grammar, and by
// that of a list of names, which takes anything.
var words = []*regexp.Regexp{regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`), regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_.-]*`)}

// input collects what a project is made from.
type input struct {
	dir   string // base of relative paths
	texts []string
	seen  map[string]bool // compose files
	words map[string]bool
}

func (in *input) add(name string, text []byte) {
	in.texts = append(in.texts, name, string(text))
	for _, form := range words {
		for _, w := range form.FindAll(text, -1) {
			in.words[string(w)] = true
		}
	}
}

// compose adds a compose file and what it names; false where that is not known.
func (in *input) compose(path string) (known bool) {
	if in.seen[path] {
		return true
	}
	in.seen[path] = true
	text, err := os.ReadFile(path)
	if err != nil {
		return false // compose has something to say about that, as about all that cannot be read
	}
	in.add(path, text)
	var doc, second yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&doc); errors.Is(err, io.EOF) {
		return true // there is nothing in it
	} else if err != nil {
		return false
	}
	return errors.Is(d.Decode(&second), io.EOF) && in.node(&doc, "", "")
}

// The keys whose values name files (https://github.com/compose-spec/compose-spec/blob/main/spec.md).
const (
	keyExtends = "extends" // its file is a compose file
	keyInclude = "include" // has rules of its own: folders, a .env, what is elsewhere
	keyFile    = "file"
)

// node looks for files below the value of a key; within is the naming key around it, or "".
func (in *input) node(n *yaml.Node, key, within string) (known bool) {
	switch key {
	case keyInclude:
		return false
	case keyExtends, "env_file", "label_file":
		within = key
	case keyFile:
		if within != keyExtends {
			within = key
		}
	}
	switch {
	case n.Kind == yaml.AliasNode:
		return within == "" // else it names what is named elsewhere
	case n.Kind != yaml.ScalarNode:
	case within == keyExtends:
		// The other values of an extends are names of services.
		return key != keyFile || in.path(n.Value, in.compose)
	case within != "":
		return in.path(n.Value, in.plain)
	}
	for i, c := range n.Content {
		below := key
		if n.Kind == yaml.MappingNode {
			if i%2 == 0 {
				continue // a key
			}
			below = n.Content[i-1].Value
		}
		if !in.node(c, below, within) {
			return false
		}
	}
	return true
}

// path adds the file that a value names.
func (in *input) path(value string, add func(string) bool) (known bool) {
	if strings.Contains(value, "$") || strings.Contains(value, "://") || strings.HasPrefix(value, "~") {
		return false
	}
	if !filepath.IsAbs(value) {
		value = filepath.Join(in.dir, value)
	}
	if _, err := os.Lstat(value); errors.Is(err, os.ErrNotExist) {
		return true // it need not be there, and counts when it is
	}
	return add(value)
}

// plain adds a file that is not looked into.
func (in *input) plain(path string) (known bool) {
	text, err := os.ReadFile(path)
	in.add(path, text)
	return err == nil
}
