package image

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"testing"
	"time"

	"drydock/internal/engine"
)

// memory is an engine in memory, for unit tests: it saves and loads
// docker-archives the way an engine with graph drivers does.
type memory struct {
	images     map[string]*content // by id
	tags       map[string]string   // reference to id
	containers []engine.Container
	wantsAll   bool  // like an engine with a content store: every layer must be in the archive
	loadErr    error // fails the next load after reading half of it
	loads      int
	onRemove   func(ref string) error
}

func newMemory(images ...*content) *memory {
	m := &memory{images: map[string]*content{}, tags: map[string]string{}}
	for _, c := range images {
		m.images[c.ID()] = c
	}
	return m
}

func (m *memory) put(t *testing.T, ref string, c *content) *memory {
	t.Helper()
	m.images[c.ID()] = c
	m.tags[ref] = c.ID()
	return m
}

func (m *memory) find(ref string) (*content, error) {
	if id, ok := m.tags[ref]; ok {
		ref = id
	}
	if c, ok := m.images[ref]; ok {
		return c, nil
	}
	return nil, &engine.Error{Doing: "inspecting image " + ref, Kind: engine.ErrNotFound, Err: errors.New("No such image")}
}

func (m *memory) Save(_ context.Context, refs ...string) (io.ReadCloser, error) {
	c, err := m.find(refs[0])
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, _, err := writeArchive(&b, c, refs, nil); err != nil {
		return nil, err
	}
	return io.NopCloser(&b), nil
}

func (m *memory) Image(_ context.Context, ref string) (engine.Image, error) {
	c, err := m.find(ref)
	if err != nil {
		return engine.Image{}, err
	}
	cfg, err := c.parse()
	if err != nil {
		return engine.Image{}, err
	}
	img := engine.Image{ID: c.ID(), Labels: cfg.Config.Labels, Layers: cfg.RootFS.DiffIDs, Created: cfg.Created, Tagged: noon.Add(time.Hour)}
	for _, l := range c.Layers {
		img.Size += l.Size
	}
	for tag, id := range m.tags {
		if id == img.ID {
			img.Tags = append(img.Tags, tag)
		}
	}
	slices.Sort(img.Tags)
	return img, nil
}

func (m *memory) Images(ctx context.Context, f engine.Filter) ([]engine.Image, error) {
	var out []engine.Image
	for _, id := range slices.Sorted(maps.Keys(m.images)) {
		img, err := m.Image(ctx, id)
		if err != nil {
			return nil, err
		}
		ours := true
		for k := range f.Labels {
			_, ok := img.Labels[k]
			ours = ours && ok
		}
		if ours {
			out = append(out, engine.Image{ID: img.ID, Tags: img.Tags, Labels: img.Labels})
		}
	}
	return out, nil
}

func (m *memory) Tag(_ context.Context, ref, name string) error {
	c, err := m.find(ref)
	if err == nil {
		m.tags[name] = c.ID()
	}
	return err
}

func (m *memory) Containers(context.Context, engine.Filter) ([]engine.Container, error) {
	return m.containers, nil
}

func (m *memory) RemoveImage(_ context.Context, ref string) error {
	if m.onRemove != nil {
		if err := m.onRemove(ref); err != nil {
			return err
		}
	}
	id, tagged := m.tags[ref]
	if !tagged {
		delete(m.images, ref)
		return nil
	}
	delete(m.tags, ref)
	if !slices.Contains(slices.Collect(maps.Values(m.tags)), id) {
		delete(m.images, id)
	}
	return nil
}

func (m *memory) DiskUsage(context.Context) (engine.DiskUsage, error) {
	layers := map[string]int64{}
	for _, c := range m.images {
		for _, l := range c.Layers {
			layers[l.DiffID] = l.Size
		}
	}
	var du engine.DiskUsage
	for _, n := range layers {
		du.Layers += n
	}
	return du, nil
}

// Load does what moby's image/tarexport/load.go does: a layer is looked up by its
// chain before its file is opened, and its digest is checked.
func (m *memory) Load(_ context.Context, archive io.Reader, _ func(string)) ([]string, error) {
	m.loads++
	if m.loadErr != nil {
		err := m.loadErr
		m.loadErr = nil
		_, _ = io.CopyN(io.Discard, archive, 100)
		return nil, err
	}
	raw, err := io.ReadAll(archive)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(raw, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			return nil, err
		}
		if raw, err = io.ReadAll(z); err != nil {
			return nil, err
		}
	}
	r := bytes.NewReader(raw)
	index, err := indexTar(r)
	if err != nil {
		return nil, err
	}
	manifest, err := readSpan(r, index, "manifest.json")
	if err != nil {
		return nil, err
	}
	var items []archiveItem
	if err := json.Unmarshal(manifest, &items); err != nil {
		return nil, err
	}
	c := &content{}
	if c.Config, err = readSpan(r, index, items[0].Config); err != nil {
		return nil, err
	}
	cfg, err := c.parse()
	if err != nil {
		return nil, err
	}
	store := map[string]blob{}
	for _, img := range m.images {
		other, err := img.parse()
		if err != nil {
			return nil, err
		}
		for i, chain := range chainIDs(other.RootFS.DiffIDs) {
			store[chain] = img.Layers[i]
		}
	}
	for i, chain := range chainIDs(cfg.RootFS.DiffIDs) {
		if have, ok := store[chain]; ok && !m.wantsAll {
			c.Layers = append(c.Layers, have)
			continue
		}
		data, err := readSpan(r, index, items[0].Layers[i])
		if err != nil {
			return nil, fmt.Errorf("open %s: no such file or directory", items[0].Layers[i])
		}
		if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
			z, err := gzip.NewReader(bytes.NewReader(data))
			if err != nil {
				return nil, err
			}
			if data, err = io.ReadAll(z); err != nil {
				return nil, err
			}
		}
		l := layerOf(data)
		if l.DiffID != cfg.RootFS.DiffIDs[i] {
			return nil, fmt.Errorf("invalid diffID for layer %d", i)
		}
		c.Layers = append(c.Layers, l)
	}
	m.images[c.ID()] = c
	for _, tag := range items[0].RepoTags {
		m.tags[tag] = c.ID()
	}
	return items[0].RepoTags, nil
}
