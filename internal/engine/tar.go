package engine

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"
)

// File is one entry of an archive.
type File struct {
	Name     string // a name that ends in / is a folder; "./" is the target folder itself
	Mode     fs.FileMode
	UID, GID int
	ModTime  time.Time // zero is 1970, so that equal files make equal archives
	Data     []byte
	Link     string // target of a symbolic link
}

// Tar makes an archive of the files, in the order given.
func Tar(files ...File) (*bytes.Buffer, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range files {
		h := &tar.Header{
			Name: f.Name, Mode: int64(f.Mode.Perm()), Uid: f.UID, Gid: f.GID, ModTime: f.ModTime,
			Typeflag: tar.TypeReg, Size: int64(len(f.Data)), Format: tar.FormatPAX,
		}
		if f.ModTime.IsZero() {
			h.ModTime = time.Unix(0, 0)
		}
		switch {
		case strings.HasSuffix(f.Name, "/"):
			h.Typeflag, h.Size = tar.TypeDir, 0
		case f.Link != "":
			h.Typeflag, h.Size, h.Linkname = tar.TypeSymlink, 0, f.Link
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("archiving %s: %w", f.Name, err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := w.Write(f.Data); err != nil {
				return nil, fmt.Errorf("archiving %s: %w", f.Name, err)
			}
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("archiving: %w", err)
	}
	return &buf, nil
}

// Untar reads a whole archive into memory; folders keep their trailing slash. Entries
// that are neither file, folder nor symbolic link are left out.
func Untar(r io.Reader) ([]File, error) {
	var files []File
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return files, fmt.Errorf("reading an archive: %w", err)
		}
		f := File{Name: h.Name, Mode: fs.FileMode(h.Mode).Perm(), UID: h.Uid, GID: h.Gid, ModTime: h.ModTime}
		switch h.Typeflag {
		case tar.TypeDir:
			f.Name = strings.TrimSuffix(f.Name, "/") + "/"
		case tar.TypeSymlink:
			f.Link = h.Linkname
		case tar.TypeReg:
			if f.Data, err = io.ReadAll(tr); err != nil {
				return files, fmt.Errorf("reading %s of an archive: %w", h.Name, err)
			}
		default:
			continue
		}
		files = append(files, f)
	}
}
