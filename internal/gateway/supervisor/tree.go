package supervisor

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// The bounds of a pushed configuration.
const (
	maxTreeBytes = 4 << 20
	maxTreeFiles = 2000
)

// copyTree copies regular files and folders; symbolic links are followed. The top
// folder run/ is left out: it is rendered.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, p)
		if err != nil {
			return err
		}
		if rel == "run" && d.IsDir() {
			return filepath.SkipDir
		}
		out := filepath.Join(to, rel)
		info, err := os.Stat(p)
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return os.MkdirAll(out, 0o755)
		case !info.Mode().IsRegular():
			return fmt.Errorf("%s is no regular file", p)
		}
		return copyFile(p, out)
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// hashTree is the SHA-256 of the names and contents of a folder's files, without run/.
func hashTree(dir string) (string, error) {
	sum := sha256.New()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error { // in lexical order
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if rel == "run" {
				return filepath.SkipDir
			}
			return nil
		}
		content, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%d %s %d\n", len(rel), rel, len(content))
		sum.Write(content)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("hashing %s: %w", dir, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// extract unpacks a configuration into an empty folder. Anything that is no plain file or
// folder below it is refused, as is more than the bounds.
func extract(r io.Reader, dir string) error {
	tr := tar.NewReader(io.LimitReader(r, 2*maxTreeBytes))
	var bytes int64
	for files := 0; ; files++ {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			if files == 0 {
				return errors.New("reading the archive: it is empty")
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the archive: %w", err)
		}
		if files >= maxTreeFiles {
			return fmt.Errorf("reading the archive: it has more than %d entries", maxTreeFiles)
		}
		name, err := safeName(h)
		if err != nil {
			return fmt.Errorf("reading the archive: %w", err)
		}
		out := filepath.Join(dir, filepath.FromSlash(name))
		if h.Typeflag == tar.TypeDir {
			if err := os.MkdirAll(out, 0o755); err != nil {
				return err
			}
			continue
		}
		if bytes += h.Size; bytes > maxTreeBytes {
			return fmt.Errorf("reading the archive: it is larger than %d MiB", maxTreeBytes>>20)
		}
		if err := unpack(tr, out); err != nil {
			return fmt.Errorf("unpacking %s: %w", name, err)
		}
	}
}

// safeName is the name of an entry below the folder that it is unpacked into.
func safeName(h *tar.Header) (string, error) {
	if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeDir {
		return "", fmt.Errorf("%q is neither a file nor a folder", h.Name)
	}
	if strings.HasPrefix(h.Name, "/") || strings.ContainsAny(h.Name, "\x00\\") {
		return "", fmt.Errorf("%q is not a relative path", h.Name)
	}
	for part := range strings.SplitSeq(h.Name, "/") {
		if part == ".." {
			return "", fmt.Errorf("%q leads out of the folder", h.Name)
		}
	}
	name := path.Clean(h.Name)
	if name == "run" || strings.HasPrefix(name, "run/") {
		return "", fmt.Errorf("%q is in run/, which the gateway renders itself", h.Name)
	}
	if name == "." && h.Typeflag != tar.TypeDir {
		return "", fmt.Errorf("%q is no name for a file", h.Name)
	}
	return name, nil
}

func unpack(r io.Reader, out string) error {
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
