package env

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// secretsDir is where the machine keeps secrets of an environment, relative to
// the root. It is in .gitignore.
func secretsDir(env string) string { return filepath.Join(".secrets", env) }

// secretFile is the file of one secret, relative to the root.
func secretFile(env, key string) string {
	return filepath.Join(secretsDir(env), strings.ToLower(key))
}

// findSecret returns the layer's entry of a secret: the key itself or its path
// (<KEY>_FILE). An empty one counts as none, because a CI system passes a
// secret that it does not have as an empty variable.
func (r *resolver) findSecret(key string) (name string, at Origin) {
	for _, l := range r.layers {
		value, path := l.values[key], l.values[key+"_FILE"]
		switch {
		case value != "" && path != "":
			r.complain(l.origin(key+"_FILE"), key, key+" and "+key+"_FILE are both set in the same place", "keep one of them")
			return "", l.origin(key)
		case value != "":
			return key, l.origin(key)
		case path != "":
			return key + "_FILE", l.origin(key + "_FILE")
		}
	}
	return "", fromNowhere
}

// secret resolves one secret and hands it to store.
func (r *resolver) secret(k Key, store func(Secret) error) {
	name, at := r.findSecret(k.Name)
	var value string
	switch {
	case r.bad[k.Name]:
		return
	case name == k.Name:
		value = r.valueOf(name)
	case name != "":
		path := r.valueOf(name)
		text, ok := r.readSecret(k.Name, r.settings.Path(path), path, at)
		if !ok {
			return
		}
		value, at = text, Origin{File: at.File, Line: at.Line, Note: strings.TrimSpace(at.Note + " file " + path)}
	default:
		file := secretFile(r.env, k.Name)
		text, ok := r.storedSecret(k.Name, file)
		if !ok {
			return
		}
		if value = text; value != "" {
			at = Origin{File: file}
		}
	}
	if value == "" {
		r.noSecret(k, at)
		return
	}
	if r.settings.Mode == Prod && name == k.Name && at.File == "env/"+r.env+".env" {
		r.complain(at, k.Name, "a secret in a file that is committed", "change it, for git remembers it, and put the new one into .env."+r.env+".local or into "+secretFile(r.env, k.Name))
	}
	if err := store(Secret(value)); err != nil {
		r.complain(at, k.Name, "the secret "+err.Error(), "choose another one")
	}
	r.putSecret(k, value, at)
}

func (r *resolver) putSecret(k Key, value string, at Origin) {
	v := Value{Key: k.Name, Group: k.Group, Origin: at.String(), Secret: true}
	if value != "" {
		v.Value, v.raw = mask, &value
	}
	r.settings.values.put(v)
}

// valueOf is the value of a key in the highest layer where it is not empty.
func (r *resolver) valueOf(key string) string {
	for _, l := range r.layers {
		if v := l.values[key]; v != "" {
			return v
		}
	}
	return ""
}

// noSecret is what happens to a secret without a value.
func (r *resolver) noSecret(k Key, at Origin) {
	switch {
	case r.src.Secretless:
		r.putSecret(k, "", Origin{Note: "not looked for"})
		return
	case k.Make && r.settings.Mode == Dev:
		r.missing = append(r.missing, k)
		r.putSecret(k, "", Origin{Note: "made on first use: " + secretFile(r.env, k.Name)})
		return
	case k.Make && !k.Optional:
		r.complain(fromNowhere, k.Name, "the secret is missing", "make one with `ENV="+r.env+" go tool mage env:secrets`, or put the path of its file into "+k.Name+"_FILE")
	case isUserKey(k.Name):
		if _, key := r.declared(k.Name); key != "" {
			at = r.declaredAt(k.Name)
		}
		r.complain(at, k.Name, "the secret has no value", "put it into "+secretFile(r.env, k.Name)+", or the path of its file into "+k.Name+"_FILE")
	}
	r.putSecret(k, "", fromNowhere)
}

// declared is the first layer that has the key, empty or not.
func (r *resolver) declared(key string) (layer, string) {
	for _, l := range r.layers {
		for _, name := range []string{key, key + "_FILE"} {
			if _, ok := l.values[name]; ok {
				return l, name
			}
		}
	}
	return layer{}, ""
}

func (r *resolver) declaredAt(key string) Origin {
	l, name := r.declared(key)
	return l.origin(name)
}

// withoutLineBreak is the content of a secret's file. One line break at its end
// is not a part of it: every editor and echo adds one.
func withoutLineBreak(text string) string {
	return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
}

// readSecret reads the file of a secret.
func (r *resolver) readSecret(key, full, shown string, at Origin) (string, bool) {
	text, err := os.ReadFile(full)
	if err != nil {
		r.complain(at, key, "the file "+quoted(shown)+" cannot be read ("+bare(err).Error()+")", "give the path of a readable file, relative to the root or absolute")
		return "", false
	}
	value := withoutLineBreak(string(text))
	if value == "" {
		r.complain(at, key, "the file "+quoted(shown)+" is empty", "write the secret into it")
		return "", false
	}
	return value, true
}

// storedSecret reads a secret from .secrets; "" when it isn't there.
func (r *resolver) storedSecret(key, file string) (string, bool) {
	full := filepath.Join(r.src.Root, file)
	info, err := os.Stat(full)
	if errors.Is(err, fs.ErrNotExist) {
		return "", true
	}
	if err == nil && r.settings.Mode == Prod && info.Mode().Perm()&0o077 != 0 {
		r.complain(Origin{File: file}, key, "other users of this machine can read the file (mode "+info.Mode().Perm().String()+")", "run: chmod 600 "+file)
		return "", false
	}
	return r.readSecret(key, full, file, Origin{File: file})
}

// userSecretKeys are the keys of the user's secrets: the ones that a layer
// names, with or without _FILE, and the ones that lie in .secrets.
func (r *resolver) userSecretKeys() []string {
	keys := map[string]bool{}
	note := func(key string) {
		if key = strings.TrimSuffix(key, "_FILE"); userSecret.MatchString(key) {
			keys[key] = true
		}
	}
	for _, l := range r.layers {
		for key := range l.values {
			note(key)
		}
	}
	dir := secretsDir(r.env)
	files, err := os.ReadDir(filepath.Join(r.src.Root, dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.problems.add(Origin{File: dir}, "", "the folder cannot be read ("+bare(err).Error()+")", "check its owner and mode")
	}
	for _, f := range files {
		if key := strings.ToUpper(f.Name()); key != f.Name() && strings.ToLower(key) == f.Name() {
			note(key)
		}
	}
	return sortedKeys(keys)
}
