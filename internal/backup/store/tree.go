package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"

	"drydock/internal/aside"
)

// diskBlock is the unit of Stat_t.Blocks, whatever the file system's own is.
const diskBlock = 512

// walk calls visit for each entry below root, root included. Only folders and plain
// files can be a backup: a link would lead out of it.
func walk(ctx context.Context, root string, visit func(path string, d fs.DirEntry) error) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if !d.IsDir() && !d.Type().IsRegular() {
			return fmt.Errorf("%s is neither a file nor a folder (%s)", path, d.Type())
		}
		return visit(path, d)
	})
}

// syncTree syncs every file and folder. Folders come after what is in them.
func syncTree(ctx context.Context, root string, step func(string)) error {
	var dirs []string
	err := walk(ctx, root, func(path string, d fs.DirEntry) error {
		if d.IsDir() {
			dirs = append(dirs, path)
			return nil
		}
		if err := aside.SyncDir(path); err != nil { // a file is synced through a read-only descriptor, too
			return err
		}
		step("synced file")
		return nil
	})
	if err != nil {
		return err
	}
	slices.Reverse(dirs)
	for _, d := range dirs {
		if err := aside.SyncDir(d); err != nil {
			return err
		}
		step("synced folder")
	}
	return nil
}

// hashTree reads everything back, and says what there is and how much room it takes.
func hashTree(ctx context.Context, root string) (files []File, onDisk int64, err error) {
	err = walk(ctx, root, func(path string, d fs.DirEntry) error {
		info, err := d.Info()
		if err != nil {
			return err
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			onDisk += st.Blocks * diskBlock
		}
		if d.IsDir() {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		files = append(files, File{Path: filepath.ToSlash(rel), Size: info.Size()})
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	slices.SortFunc(files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range files {
		g.Go(func() error {
			path := filepath.Join(root, filepath.FromSlash(files[i].Path))
			f, err := hashFile(ctx, path)
			if err == nil && f.Size != files[i].Size {
				err = fmt.Errorf("%s changed while it was read (%d bytes, then %d)", path, files[i].Size, f.Size)
			}
			files[i].SHA256 = f.SHA256
			return err
		})
	}
	return files, onDisk, g.Wait()
}

func hashFile(ctx context.Context, path string) (File, error) {
	f, err := os.Open(path)
	if err != nil {
		return File{}, err
	}
	defer f.Close() // only read
	h := sha256.New()
	n, err := io.CopyBuffer(struct{ io.Writer }{h}, ctxReader{ctx, f}, make([]byte, 1<<20))
	return File{Size: n, SHA256: hex.EncodeToString(h.Sum(nil))}, err
}

// ctxReader ends reading when the context does: one file may be hundreds of gigabytes.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c ctxReader) Read(p []byte) (int, error) {
	if err := context.Cause(c.ctx); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// compareTree says for each file that is not what the record says how it differs.
func compareTree(ctx context.Context, root string, want []File) (problems []string, err error) {
	known := map[string]bool{}
	for _, w := range want {
		known[w.Path] = true
		got, err := hashFile(ctx, filepath.Join(root, filepath.FromSlash(w.Path)))
		switch {
		case context.Cause(ctx) != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, fs.ErrNotExist):
			problems = append(problems, w.Path+" is missing")
		case err != nil:
			problems = append(problems, fmt.Sprintf("%s cannot be read: %v", w.Path, err))
		case got.Size < w.Size:
			problems = append(problems, fmt.Sprintf("%s was cut off: %d of %d bytes", w.Path, got.Size, w.Size))
		case got.Size > w.Size:
			problems = append(problems, fmt.Sprintf("%s grew: %d bytes, recorded %d", w.Path, got.Size, w.Size))
		case got.SHA256 != w.SHA256:
			problems = append(problems, w.Path+" was changed: its sha256 is not the recorded one")
		}
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // each of its files was named already
			}
			return err
		}
		rel, err := filepath.Rel(root, path)
		if rel = filepath.ToSlash(rel); err == nil && !known[rel] {
			problems = append(problems, rel+" was added after the backup was made")
		}
		return err
	})
	if err != nil {
		problems = append(problems, strings.TrimSpace(err.Error()))
	}
	return problems, nil
}
