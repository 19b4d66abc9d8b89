package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"
)

// packer compresses layers into a folder of its own, each once however many
// images have it.
type packer struct {
	dir string
	mu  sync.Mutex
	by  map[string]*packedLayer // by diff id
}

func newPacker() (*packer, error) {
	dir, err := os.MkdirTemp("", "drydock-push-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for compressed layers: %w", err)
	}
	return &packer{dir: dir, by: map[string]*packedLayer{}}, nil
}

func (p *packer) Close() error { return os.RemoveAll(p.dir) }

// packed is an image ready to be uploaded.
type packed struct {
	image  v1.Image
	layers []*packedLayer
}

func (p *packed) bytes() (n int64) {
	for _, l := range p.layers {
		n += l.desc.Size
	}
	return n
}

func (p *packed) uploaded() (n int64) {
	for _, l := range p.layers {
		n += min(l.sent.Load(), l.desc.Size) // a retried blob counts once
	}
	return n
}

// pack makes an OCI image of the content. Its manifest is a function of the
// layers and the configuration, which stays as it is: the image's id in the
// engine that pulls it is the one it has here.
func (p *packer) pack(ctx context.Context, c *content, say *lines) (*packed, error) {
	out := &packed{layers: make([]*packedLayer, len(c.Layers))}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	for i, l := range c.Layers {
		group.Go(func() error {
			packed, err := p.layer(ctx, l)
			if err != nil {
				return fmt.Errorf("compressing layer %s: %w", short(l.DiffID), err)
			}
			out.layers[i] = &packedLayer{desc: packed.desc, path: packed.path, say: say}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	cfg, err := c.parse()
	if err != nil {
		return nil, err
	}
	hash, _, err := v1.SHA256(strings.NewReader(string(c.Config)))
	if err != nil {
		return nil, err
	}
	m := v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		Config:        v1.Descriptor{MediaType: types.OCIConfigJSON, Digest: hash, Size: int64(len(c.Config))},
		Annotations:   annotations(cfg.Config.Labels),
	}
	for _, l := range out.layers {
		m.Layers = append(m.Layers, l.desc)
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	out.image, err = partial.CompressedToImage(&packedImage{config: c.Config, manifest: raw, layers: out.layers})
	return out, err
}

// annotations repeats the OCI labels where registries show them.
func annotations(labels map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range labels {
		if strings.HasPrefix(k, "org.opencontainers.image.") {
			out[k] = v
		}
	}
	return out
}

func (p *packer) layer(ctx context.Context, l blob) (*packedLayer, error) {
	p.mu.Lock()
	done := p.by[l.DiffID]
	p.mu.Unlock()
	if done != nil {
		return done, nil
	}
	kind, err := l.compression()
	if err != nil {
		return nil, err
	}
	in, err := l.Open()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	file, err := os.CreateTemp(p.dir, "layer-")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	sum := sha256.New()
	var out io.WriteCloser = nopCloser{io.MultiWriter(file, sum)}
	media := types.OCILayer
	switch kind {
	case plain:
		// No name, no time in the header: the same layer gives the same blob.
		out = gzip.NewWriter(io.MultiWriter(file, sum))
	case zstandard:
		media = types.OCILayerZStd
	}
	if _, err := io.Copy(out, contextReader{ctx, in}); err != nil {
		return nil, err
	}
	if err := out.Close(); err != nil {
		return nil, err
	}
	at, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	done = &packedLayer{path: file.Name(), desc: v1.Descriptor{
		MediaType: media,
		Size:      at,
		Digest:    v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum.Sum(nil))},
	}}
	p.mu.Lock()
	p.by[l.DiffID] = done
	p.mu.Unlock()
	return done, nil
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// contextReader makes a long copy end with its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// packedLayer is a compressed layer on disk. It notes how much of it was read,
// which tells what the registry did not have.
type packedLayer struct {
	desc v1.Descriptor
	path string
	say  *lines
	sent atomic.Int64
}

func (l *packedLayer) Digest() (v1.Hash, error)            { return l.desc.Digest, nil }
func (l *packedLayer) Size() (int64, error)                { return l.desc.Size, nil }
func (l *packedLayer) MediaType() (types.MediaType, error) { return l.desc.MediaType, nil }
func (l *packedLayer) Descriptor() (*v1.Descriptor, error) { return &l.desc, nil }
func (l *packedLayer) Compressed() (io.ReadCloser, error) {
	file, err := os.Open(filepath.Clean(l.path))
	if err != nil {
		return nil, err
	}
	l.say.printf("uploading %s, %s", short(l.desc.Digest.Hex), size(l.desc.Size))
	return &countedFile{file, &l.sent}, nil
}

// countedFile does not embed the file: sendfile(2) would find it and go round
// Read and the count.
type countedFile struct {
	file *os.File
	n    *atomic.Int64
}

func (c *countedFile) Read(p []byte) (int, error) {
	n, err := c.file.Read(p)
	c.n.Add(int64(n))
	return n, err
}

func (c *countedFile) Close() error { return c.file.Close() }

// packedImage is what go-containerregistry needs to see an image.
type packedImage struct {
	config, manifest []byte
	layers           []*packedLayer
}

func (p *packedImage) RawConfigFile() ([]byte, error)      { return p.config, nil }
func (p *packedImage) RawManifest() ([]byte, error)        { return p.manifest, nil }
func (p *packedImage) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }
func (p *packedImage) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	for _, l := range p.layers {
		if l.desc.Digest == h {
			return l, nil
		}
	}
	return nil, errors.New("no layer " + h.String())
}
