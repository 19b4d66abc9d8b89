package image

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// lay copies the context into a folder, with owner, modes and times that do not depend
// on the checkout: what COPY puts into a layer is then the same everywhere, and a
// checkout under umask 077 makes no files that the image's user cannot read.
func (in *input) lay(dir string, epoch time.Time) error {
	for _, f := range in.Files {
		to := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return fmt.Errorf("laying out the build context of %s: %w", in.Recipe.Name, err)
		}
		if err := in.layFile(f, to, epoch); err != nil {
			return fmt.Errorf("laying out the build context of %s: %w", in.Recipe.Name, err)
		}
	}
	return in.layTimes(dir, epoch)
}

func (in *input) layFile(f contextFile, to string, epoch time.Time) (err error) {
	if f.Link != "" {
		return os.Symlink(f.Link, to)
	}
	from, err := os.Open(filepath.Join(in.Root, filepath.FromSlash(f.Path)))
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // only read
	mode := os.FileMode(0o644)
	if f.Exec {
		mode = 0o755
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, from)
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if err := os.Chmod(to, mode); err != nil { // whatever our umask is
		return err
	}
	return os.Chtimes(to, epoch, epoch)
}

// layTimes sets modes and times of the folders, which come last: adding a file changes them.
func (in *input) layTimes(dir string, epoch time.Time) error {
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if err := os.Chmod(path, 0o755); err != nil {
			return err
		}
		return os.Chtimes(path, epoch, epoch)
	})
}
