package image

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// Builders write the same change of the same files in different ways. One lists a file
// that was only touched, another leaves it out; folders above a change, the order, the
// way a name is written, which of two hard links is the file: all of it goes by the
// builder, its kernel and its cache. Times go by when a cached step was run first
// (moby/buildkit 4748). canonical writes a layer in one way: what differs from the layers
// below and nothing else, with the folders above it, sorted by path, all of one time.

// entry is one file of a layer.
type entry struct {
	Header *tar.Header // as it is to be written; its time is set then
	Path   string      // clean, without a slash at the ends; "" is the root
	Print  string      // what a container sees of it; "" is equal to nothing
	off    int64       // where its bytes are in the layer they come from
}

// The names that stand for removals in a layer:
// https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#whiteouts
const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)

func (e *entry) isFolder() bool { return e.Header.Typeflag == tar.TypeDir }

// removes names what an entry takes away of the layers below; all says that it is
// everything in a folder, and not the folder.
func (e *entry) removes() (gone string, all, ok bool) {
	dir, name := path.Split(e.Path)
	if name == opaque {
		return strings.TrimSuffix(dir, "/"), true, true
	}
	if what, is := strings.CutPrefix(name, whiteout); is {
		return dir + what, false, true
	}
	return "", false, false
}

// order puts folders before what is in them, and a removal where the removed file was.
func order(a, b entry) int {
	key := func(e entry) string {
		gone, all, removes := e.removes()
		switch {
		case all:
			return gone + "/"
		case removes:
			return gone
		}
		return e.Path
	}
	if n := strings.Compare(key(a), key(b)); n != 0 {
		return n
	}
	return strings.Compare(a.Path, b.Path)
}

// listLayer reads a layer's entries. hashed says which files' bytes are to be looked at,
// besides their size.
func listLayer(ctx context.Context, layer io.ReaderAt, hashed func(path string) bool) ([]entry, error) {
	whole := io.NewSectionReader(layer, 0, 1<<62) // seeks over what is not read
	var list []entry
	for tr := tar.NewReader(whole); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue // of a tar made by git; no file
		}
		e := entry{Header: plainHeader(h)}
		e.Path = strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		if e.off, err = whole.Seek(0, io.SeekCurrent); err != nil {
			return nil, err
		}
		sum := sha256.New()
		if h.Typeflag == tar.TypeReg && hashed(e.Path) {
			if _, err := io.Copy(sum, tr); err != nil {
				return nil, fmt.Errorf("%s: %w", h.Name, err)
			}
		}
		e.Print = fingerprint(e.Header, sum)
		list = append(list, e)
	}
}

// plainHeader keeps what a running container can see, apart from times: name, type, mode,
// numeric owner, size, link, device, and extended attributes such as file capabilities.
func plainHeader(h *tar.Header) *tar.Header {
	out := &tar.Header{
		Typeflag: h.Typeflag, Name: path.Clean("/" + h.Name)[1:], Linkname: h.Linkname, Size: h.Size,
		Mode: h.Mode & 0o7777, // some write the type there, too
		Uid:  h.Uid, Gid: h.Gid, Devmajor: h.Devmajor, Devminor: h.Devminor, Format: tar.FormatPAX,
	}
	switch h.Typeflag {
	case tar.TypeDir:
		out.Name += "/"
		if out.Name == "/" {
			out.Name = "./"
		}
	case tar.TypeLink:
		out.Linkname = path.Clean("/" + h.Linkname)[1:]
	}
	for k, v := range h.PAXRecords {
		if strings.HasPrefix(k, "SCHILY.xattr.") {
			if out.PAXRecords == nil {
				out.PAXRecords = map[string]string{}
			}
			out.PAXRecords[k] = v
		}
	}
	return out
}

func fingerprint(h *tar.Header, sum hash.Hash) string {
	if h.Typeflag == tar.TypeLink {
		return "" // it shows what another file is
	}
	attributes := make([]string, 0, len(h.PAXRecords))
	for _, k := range slices.Sorted(maps.Keys(h.PAXRecords)) {
		attributes = append(attributes, fmt.Sprintf("%q=%q", k, h.PAXRecords[k]))
	}
	return fmt.Sprintf("%c %o %d:%d %d %q %d:%d %v %x", h.Typeflag, h.Mode, h.Uid, h.Gid, h.Size, h.Linkname, h.Devmajor, h.Devminor, attributes, sum.Sum(nil))
}

// writeEntries writes entries whose bytes are in from.
func writeEntries(ctx context.Context, w io.Writer, from io.ReaderAt, list []entry, at time.Time) error {
	tw := tar.NewWriter(w)
	for _, e := range list {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		h := *e.Header
		h.ModTime = at.Truncate(time.Second)
		if err := tw.WriteHeader(&h); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if _, err := io.Copy(tw, io.NewSectionReader(from, e.off, h.Size)); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
	return tw.Close()
}

// anywhere opens a layer as a plain tar that can be read at any place. What has to be
// unpacked for that lies in dir until it is closed.
func (b blob) anywhere(dir string) (io.ReaderAt, io.Closer, error) {
	r, err := b.uncompressed()
	if err != nil {
		return nil, nil, err
	}
	if at, ok := r.(io.ReaderAt); ok {
		return at, r, nil
	}
	f, err := os.CreateTemp(dir, "plain-")
	if err != nil {
		return nil, nil, errors.Join(err, r.Close())
	}
	_, err = io.Copy(f, r)
	if err := errors.Join(err, r.Close(), os.Remove(f.Name())); err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, f, nil
}
