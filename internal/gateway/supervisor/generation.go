package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"drydock/internal/gateway/render"
)

// Renderer renders the files of a generation's run/ folder.
type Renderer func(render.State) (map[string][]byte, error)

// keepGenerations is how many folders of generations stay.
const keepGenerations = 3

// generations are the folders below <run>/generations and the link to the one that serves.
type generations struct {
	run    string
	render Renderer
}

func (g *generations) dir(n int) string {
	return filepath.Join(g.run, "generations", strconv.Itoa(n))
}

// current is the link that nginx is started with.
func (g *generations) current() string { return filepath.Join(g.run, "current") }

// make lays a generation out: a copy of the tree at source and the rendered files. The
// folder must not be there yet.
func (g *generations) make(source string, s render.State) (err error) {
	dir := g.dir(s.Generation)
	defer func() {
		if err != nil {
			err = fmt.Errorf("making generation %d: %w", s.Generation, err)
		}
	}()
	if err := os.RemoveAll(dir); err != nil { // of an attempt that was cut short
		return err
	}
	if err := copyTree(source, dir); err != nil {
		return err
	}
	files, err := g.render(s)
	if err != nil {
		return err
	}
	for name, content := range files {
		path := filepath.Join(dir, "run", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// use makes a generation the one that nginx reads next. The link is never missing.
func (g *generations) use(n int) error {
	next := g.current() + ".next"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(filepath.Join("generations", strconv.Itoa(n)), next); err != nil {
		return err
	}
	return os.Rename(next, g.current())
}

// prune removes all generations but the newest ones and the one that serves.
func (g *generations) prune(serving int) error {
	entries, err := os.ReadDir(filepath.Join(g.run, "generations"))
	if err != nil {
		return err
	}
	var all []int
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil && n != serving {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	var errs []error
	for len(all) > keepGenerations-1 {
		errs = append(errs, os.RemoveAll(g.dir(all[0])))
		all = all[1:]
	}
	return errors.Join(errs...)
}
