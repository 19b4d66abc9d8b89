package image

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// limits of what is read into memory; nothing real comes near them.
const (
	maxText = 64 << 20 // bytes of one package list
	maxELF  = 2 << 30  // bytes of one binary, kept on disk
)

// takeStock walks the image's final file system once.
func takeStock(ctx context.Context, c *content, ref string, npmLock []byte) (*bill, error) {
	cfg, err := c.parse()
	if err != nil {
		return nil, err
	}
	repo, tag := splitRef(ref)
	out := &bill{ID: c.ID(), Name: repo, Version: tag, Created: cfg.Created.UTC()}
	if title := cfg.Config.Labels["org.opencontainers.image.title"]; title != "" {
		out.Name = title
	}
	if v := cfg.Config.Labels["org.opencontainers.image.version"]; v != "" {
		out.Version = v
	}

	scan := scanner{parts: map[string]part{}}
	defer scan.close()
	if err := scan.files(ctx, c); err != nil {
		return nil, err
	}
	if len(npmLock) > 0 && !scan.npm {
		if err := scan.addNpm("package-lock.json of the sources", npmLock); err != nil {
			return nil, err
		}
	}
	scan.addDebs()
	for _, p := range scan.parts {
		slices.Sort(p.Paths)
		p.Paths = slices.Compact(p.Paths)
		out.Parts = append(out.Parts, p)
	}
	slices.SortFunc(out.Parts, func(a, b part) int { return strings.Compare(a.PURL, b.PURL) })
	return out, nil
}

// scanner collects parts, each once, under its package URL.
type scanner struct {
	parts  map[string]part
	distro osRelease
	debs   []debPackage // kept until the distribution is known
	npm    bool         // the image says itself what npm packages it has
	elf    *os.File     // a binary being looked at
}

func (s *scanner) close() {
	if s.elf != nil {
		_ = s.elf.Close() // unlinked and only ever read back by us
	}
}

func (s *scanner) add(p part) {
	if old, ok := s.parts[p.PURL]; ok {
		p.Paths = append(old.Paths, p.Paths...)
		p.Dev = p.Dev && old.Dev
	}
	s.parts[p.PURL] = p
}

func (s *scanner) files(ctx context.Context, c *content) error {
	img, err := partial.UncompressedToImage(plainImage{c})
	if err != nil {
		return err
	}
	stream := mutate.Extract(img) // applies whiteouts
	defer stream.Close()
	for tr := tar.NewReader(contextReader{ctx, stream}); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the image's files: %w", err)
		}
		if h.Typeflag != tar.TypeReg || h.Size == 0 {
			continue
		}
		name := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		if err := s.file(name, h, tr); err != nil {
			return fmt.Errorf("reading /%s of the image: %w", name, err)
		}
	}
}

func (s *scanner) file(name string, h *tar.Header, r io.Reader) error {
	var use func(string, []byte) error
	switch {
	case name == "etc/os-release" || name == "usr/lib/os-release":
		use = s.addRelease
	case name == "var/lib/dpkg/status", path.Dir(name) == "var/lib/dpkg/status.d" && !strings.HasSuffix(name, ".md5sums"):
		use = s.readDebs
	case name == "usr/share/sbom/npm.json" || isNpmLock(name):
		use = func(name string, data []byte) error {
			s.npm = true
			return s.addNpm("/"+name, data)
		}
	case h.Mode&0o111 != 0 && h.Size <= maxELF:
		return s.binary(name, r)
	default:
		return nil
	}
	data, err := io.ReadAll(io.LimitReader(r, maxText+1))
	if err != nil {
		return err
	}
	if len(data) > maxText {
		return fmt.Errorf("it is larger than %s", size(maxText))
	}
	return use(name, data)
}

// binary looks into a file that may be a Go program. Finding a program's build
// information needs random access, so it is copied aside.
func (s *scanner) binary(name string, r io.Reader) error {
	magic := make([]byte, 4)
	if _, err := io.ReadFull(r, magic); err != nil || !bytes.Equal(magic, []byte("\x7fELF")) {
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		return nil
	}
	if s.elf == nil {
		file, err := os.CreateTemp("", "drydock-elf-")
		if err != nil {
			return err
		}
		s.elf = file
		if err := os.Remove(file.Name()); err != nil {
			return err
		}
	}
	if err := s.elf.Truncate(0); err != nil {
		return err
	}
	if _, err := s.elf.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := io.Copy(s.elf, io.MultiReader(bytes.NewReader(magic), r)); err != nil {
		return err
	}
	s.addGo("/"+name, s.elf)
	return nil
}

// plainImage lets go-containerregistry flatten our layers.
type plainImage struct{ c *content }

func (p plainImage) RawConfigFile() ([]byte, error)      { return p.c.Config, nil }
func (p plainImage) MediaType() (types.MediaType, error) { return types.DockerManifestSchema2, nil }
func (p plainImage) LayerByDiffID(h v1.Hash) (partial.UncompressedLayer, error) {
	for _, l := range p.c.Layers {
		if l.DiffID == h.String() {
			return plainLayer{l, h}, nil
		}
	}
	return nil, errors.New("no layer " + h.String())
}

type plainLayer struct {
	blob blob
	hash v1.Hash
}

func (p plainLayer) DiffID() (v1.Hash, error)             { return p.hash, nil }
func (p plainLayer) Uncompressed() (io.ReadCloser, error) { return p.blob.uncompressed() }
func (p plainLayer) MediaType() (types.MediaType, error)  { return types.DockerUncompressedLayer, nil }
