package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// content is an image apart from any engine: its configuration, byte for byte,
// and its layers, lowest first. push, ship, pull and sbom all work on it.
type content struct {
	Config []byte
	Layers []blob
}

// blob is a layer as it is stored: a tar, possibly compressed.
type blob struct {
	DiffID string // "sha256:" and the digest of the uncompressed tar
	Size   int64  // bytes as stored
	Open   func() (io.ReadCloser, error)
}

// imageConfig is what of an image's configuration is needed here; the rest
// travels untouched, because the digest of the bytes is the image's id.
type imageConfig struct {
	Created      time.Time `json:"created"`
	Architecture string    `json:"architecture"`
	OS           string    `json:"os"`
	Config       struct {
		Labels map[string]string `json:"Labels"`
	} `json:"config"`
	RootFS struct {
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
}

// ID is the digest of the configuration, which is how an engine with graph
// drivers names the image.
func (c *content) ID() string {
	sum := sha256.Sum256(c.Config)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func (c *content) parse() (imageConfig, error) {
	var cfg imageConfig
	if err := json.Unmarshal(c.Config, &cfg); err != nil {
		return cfg, fmt.Errorf("reading the image's configuration: %w", err)
	}
	return cfg, nil
}

// saved is one image that an engine wrote out, kept in an unlinked temporary
// file: a killed process leaves nothing behind. Close gives the space back.
type saved struct {
	content
	file *os.File
}

func (s *saved) Close() error { return s.file.Close() }

// Saver is the part of an engine that an image is read from.
type Saver interface {
	// Save streams a docker-archive of the given references.
	Save(ctx context.Context, refs ...string) (io.ReadCloser, error)
}

// save reads one image out of an engine. The archive has to be kept on disk
// because its table of contents (manifest.json) comes last.
func save(ctx context.Context, from Saver, ref string) (*saved, error) {
	stream, err := from.Save(ctx, ref)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	file, err := os.CreateTemp("", "drydock-image-")
	if err != nil {
		return nil, fmt.Errorf("saving %s: %w", ref, err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("saving %s: %w", ref, err), file.Close())
	}
	if _, err := io.Copy(file, stream); err != nil {
		return nil, errors.Join(fmt.Errorf("saving %s into %s: %w", ref, path.Dir(file.Name()), err), file.Close())
	}
	c, err := readArchive(file)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("saving %s: %w", ref, err), file.Close())
	}
	return &saved{content: *c, file: file}, nil
}

// archiveItem is one entry of manifest.json in a docker-archive.
type archiveItem struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// span is where a file of the archive lies; link is the name it points to.
type span struct {
	off, size int64
	link      string
}

// readArchive indexes a docker-archive that holds exactly one image. Engines
// since 25 write an OCI layout with the same manifest.json beside it, older
// ones write repeated layers as symbolic links.
func readArchive(r io.ReaderAt) (*content, error) {
	index, err := indexTar(r)
	if err != nil {
		return nil, fmt.Errorf("reading the engine's archive: %w", err)
	}
	raw, err := readSpan(r, index, "manifest.json")
	if err != nil {
		return nil, err
	}
	var items []archiveItem
	if err := json.Unmarshal(raw, &items); err != nil {
		return nil, fmt.Errorf("reading manifest.json of the engine's archive: %w", err)
	}
	if len(items) != 1 {
		return nil, fmt.Errorf("the engine's archive holds %d images, expected one", len(items))
	}
	c := &content{}
	if c.Config, err = readSpan(r, index, items[0].Config); err != nil {
		return nil, err
	}
	cfg, err := c.parse()
	if err != nil {
		return nil, err
	}
	if len(cfg.RootFS.DiffIDs) != len(items[0].Layers) {
		return nil, fmt.Errorf("the engine's archive lists %d layers, the image's configuration %d", len(items[0].Layers), len(cfg.RootFS.DiffIDs))
	}
	for i, name := range items[0].Layers {
		at, err := index.find(name)
		if err != nil {
			return nil, err
		}
		c.Layers = append(c.Layers, blob{DiffID: cfg.RootFS.DiffIDs[i], Size: at.size, Open: func() (io.ReadCloser, error) {
			return section{io.NewSectionReader(r, at.off, at.size)}, nil
		}})
	}
	return c, nil
}

// section is a part of a file that somebody else closes.
type section struct{ *io.SectionReader }

func (section) Close() error { return nil }

type tarIndex map[string]span

func indexTar(r io.ReaderAt) (tarIndex, error) {
	// archive/tar seeks over what is not read, and the position after Next is
	// where the file's bytes begin.
	section := io.NewSectionReader(r, 0, 1<<62)
	index := tarIndex{}
	for tr := tar.NewReader(section); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return index, nil
		}
		if err != nil {
			return nil, err
		}
		off, err := section.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		name := path.Clean(h.Name)
		switch h.Typeflag {
		case tar.TypeReg:
			index[name] = span{off: off, size: h.Size}
		case tar.TypeSymlink:
			index[name] = span{link: path.Join(path.Dir(name), h.Linkname)}
		case tar.TypeLink:
			index[name] = span{link: path.Clean(h.Linkname)}
		}
	}
}

func (x tarIndex) find(name string) (span, error) {
	next := path.Clean(name)
	for range 8 { // a chain longer than this is a loop
		at, ok := x[next]
		if !ok {
			return span{}, fmt.Errorf("the engine's archive has no %s", name)
		}
		if at.link == "" {
			return at, nil
		}
		next = at.link
	}
	return span{}, fmt.Errorf("the engine's archive has a loop of links at %s", name)
}

func readSpan(r io.ReaderAt, index tarIndex, name string) ([]byte, error) {
	at, err := index.find(name)
	if err != nil {
		return nil, err
	}
	buf := make([]byte, at.size)
	if _, err := io.ReadFull(io.NewSectionReader(r, at.off, at.size), buf); err != nil {
		return nil, fmt.Errorf("reading %s of the engine's archive: %w", name, err)
	}
	return buf, nil
}

// compression tells how a layer is stored, by its first bytes.
type compression string

const (
	plain     compression = ""
	gzipped   compression = "gzip"
	zstandard compression = "zstd"
)

func (b blob) compression() (compression, error) {
	r, err := b.Open()
	if err != nil {
		return plain, err
	}
	defer r.Close()
	magic := make([]byte, 4)
	n, err := io.ReadFull(r, magic)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return plain, err
	}
	switch {
	case bytes.HasPrefix(magic[:n], []byte{0x1f, 0x8b}): // RFC 1952, 2.3.1
		return gzipped, nil
	case bytes.HasPrefix(magic[:n], []byte{0x28, 0xb5, 0x2f, 0xfd}): // RFC 8878, 3.1.1
		return zstandard, nil
	}
	return plain, nil
}

// uncompressed opens the layer as a plain tar.
func (b blob) uncompressed() (io.ReadCloser, error) {
	kind, err := b.compression()
	if err != nil {
		return nil, err
	}
	r, err := b.Open()
	if err != nil {
		return nil, err
	}
	switch kind {
	case gzipped:
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
		return stacked{z, []io.Closer{z, r}}, nil
	case zstandard:
		z, err := zstd.NewReader(r)
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
		rc := z.IOReadCloser()
		return stacked{rc, []io.Closer{rc, r}}, nil
	}
	return r, nil
}

// stacked reads from the outermost and closes all, outermost first.
type stacked struct {
	io.Reader
	closers []io.Closer
}

func (s stacked) Close() error {
	var errs []error
	for _, c := range s.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// chainIDs names the layers together with everything under them, as engines
// with graph drivers key their layer store: a layer is there only with its
// whole chain. https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#layer-chainid
func chainIDs(diffIDs []string) []string {
	chains := make([]string, 0, len(diffIDs))
	for i, id := range diffIDs {
		if i == 0 {
			chains = append(chains, id)
			continue
		}
		sum := sha256.Sum256([]byte(chains[i-1] + " " + id))
		chains = append(chains, "sha256:"+hex.EncodeToString(sum[:]))
	}
	return chains
}
