package logical

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"drydock/internal/backup/manifest"
)

// listFiles returns the files of a backup but for the manifest, slash separated and
// sorted. Anything that is neither a file nor a folder is an error: a symbolic link could
// lead out of the backup.
func listFiles(dir string) ([]manifest.File, error) {
	var list []manifest.File
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if rel == manifest.FileName {
			return nil
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%s is not a plain file (%s): %w", path, d.Type(), ErrDamaged)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		list = append(list, manifest.File{Path: rel, Bytes: info.Size()})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing the files of the backup: %w", err)
	}
	return list, nil
}

// hashFiles lists the files with their hashes.
func hashFiles(ctx context.Context, dir string, jobs int) ([]manifest.File, error) {
	list, err := listFiles(dir)
	if err != nil {
		return nil, err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(jobs, 1))
	for i := range list {
		g.Go(func() error {
			sum, n, err := hashFile(ctx, filepath.Join(dir, filepath.FromSlash(list[i].Path)))
			list[i].SHA256, list[i].Bytes = sum, n
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("hashing the files of the backup: %w", err)
	}
	return list, nil
}

func hashFile(ctx context.Context, path string) (sum string, n int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	n, err = io.CopyBuffer(struct{ io.Writer }{h}, contextReader{ctx, f}, make([]byte, 256<<10))
	return hex.EncodeToString(h.Sum(nil)), n, err
}

// contextReader ends when its context does.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
