package supervisor

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// configurations are the trees that generations are made from: the image's own, and
// those that were pushed, each in a folder that is named by its content.
type configurations struct {
	image string // the image's folder
	hash  string // of its content
	dir   string // where pushed ones are kept
}

// mimeTypes comes from nginx's own image, below the gateway's configuration.
const mimeTypes = "mime.types"

// source is the folder of the tree that a state wants.
func (c *configurations) source(p *Pushed) string {
	if p == nil {
		return c.image
	}
	return filepath.Join(c.dir, p.SHA256)
}

// keep unpacks a tree and gives it its name. It has to have a nginx.conf. A missing
// mime.types is taken from the image, since it is not part of the repository's folder.
func (c *configurations) keep(archive io.Reader, now time.Time) (p Pushed, err error) {
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return Pushed{}, err
	}
	tmp, err := os.MkdirTemp(c.dir, ".incoming-*")
	if err != nil {
		return Pushed{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	if err := extract(archive, tmp); err != nil {
		return Pushed{}, WithCode(CodeConfig, err)
	}
	if _, err := os.Stat(filepath.Join(tmp, "nginx.conf")); err != nil {
		return Pushed{}, WithCode(CodeConfig, errors.New("the archive has no nginx.conf at its top"))
	}
	own := filepath.Join(c.image, mimeTypes)
	if _, err := os.Stat(filepath.Join(tmp, mimeTypes)); errors.Is(err, fs.ErrNotExist) {
		if err := copyFile(own, filepath.Join(tmp, mimeTypes)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Pushed{}, err
		}
	}
	hash, err := hashTree(tmp)
	if err != nil {
		return Pushed{}, err
	}
	p = Pushed{SHA256: hash, Image: c.hash, At: now}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return Pushed{}, err
	}
	if err := os.Rename(tmp, c.source(&p)); err != nil && !errors.Is(err, fs.ErrExist) {
		return Pushed{}, err // an existing folder of that name has that content
	}
	return p, nil
}

// usable says whether a pushed tree of an earlier container may be used in this one.
func (c *configurations) usable(p *Pushed) error {
	if p.Image != c.hash {
		return errors.New("the image has another configuration than the one that it was loaded over; the newer image's wins")
	}
	hash, err := hashTree(c.source(p))
	if err != nil {
		return err
	}
	if hash != p.SHA256 {
		return fmt.Errorf("its files changed: they have the hash %s, expected %s", hash, p.SHA256)
	}
	return nil
}

// prune removes all pushed trees but the one that is used.
func (c *configurations) prune(used *Pushed) error {
	entries, err := os.ReadDir(c.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		if isHash(e.Name()) && (used == nil || e.Name() != used.SHA256) {
			errs = append(errs, os.RemoveAll(filepath.Join(c.dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}
