package gateway

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/gateway/render"
)

// Tree is a configuration as files: path with slashes, relative to its root, to content.
type Tree map[string][]byte

// mimeTypes stands beside the base image, since the frontend's nginx uses it, too.
const mimeTypes = "docker/nginx-base/mime.types"

// Source reads the configuration of a checkout, without what is rendered.
func Source(root string) (Tree, error) {
	t, err := readTree(filepath.Join(root, "nginx"))
	if err != nil {
		return nil, err
	}
	mime, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(mimeTypes)))
	if err != nil {
		return nil, fmt.Errorf("reading the gateway's configuration: %w", err)
	}
	t["mime.types"] = mime
	return t, nil
}

func readTree(dir string) (Tree, error) {
	t := Tree{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil || d.IsDir() {
			return err
		}
		if strings.HasSuffix(rel, ".md") {
			return nil
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%s is no regular file; the image gets copies, so write the content there", p)
		}
		t[filepath.ToSlash(rel)], err = os.ReadFile(p)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the gateway's configuration in %s: %w", dir, err)
	}
	return t, nil
}

// Environ is what the gateway's container gets for the settings (compose/gateway.yaml).
func Environ(s *env.Settings) map[string]string {
	m := env.Variables(s.Environ())
	m["APP_ENV"] = string(s.Mode)
	m["HTTP_REDIRECT"] = strconv.FormatBool(s.Gateway.Redirect)
	return m
}

// Values is what the templates get for the settings.
func Values(s *env.Settings) (render.Values, error) {
	m := Environ(s)
	return render.FromEnviron(func(name string) string { return m[name] })
}

// Generation is a whole configuration as it runs: the source and the rendered files.
func Generation(source Tree, v render.Values) (Tree, error) {
	cert, _ := v.CertFiles()
	files, err := render.Files(v, render.State{Generation: 1, Active: v.First, Certificate: cert != ""})
	if err != nil {
		return nil, err
	}
	t := maps.Clone(source)
	for name, content := range files {
		t["run/"+name] = content
	}
	return t, nil
}

// entries is the tree as the members of an archive below dir, folders first.
func (t Tree) entries(dir string, mode fs.FileMode) []engine.File {
	var files []engine.File
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(t)) {
		full := path.Join(dir, name)
		for _, d := range parents(full) {
			if !seen[d] {
				seen[d] = true
				files = append(files, engine.File{Name: d + "/", Mode: 0o755})
			}
		}
		files = append(files, engine.File{Name: full, Mode: mode, Data: t[name]})
	}
	return files
}

// parents are the folders above a path, outermost first.
func parents(p string) (list []string) {
	for d := path.Dir(p); d != "." && d != "/"; d = path.Dir(d) {
		list = append(list, d)
	}
	slices.Reverse(list)
	return list
}
