package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// Two builds of the same input differ in what depends on the moment and the builder only:
// the times of files and how a layer lists them (see layer.go), and the times in the
// image's history. normalise takes all of it away, so that the same input has the same
// image id on every machine, with every version of the engine, whatever its cache holds.
// (BuildKit can rewrite times since 0.13 for some of its outputs, but not those of cached
// layers, and an engine's own builder is older.)

// normal says how an image is normalised.
type normal struct {
	Base   int       // this many lowest layers are another image's and stay as they are
	Epoch  time.Time // the time of the image
	Files  time.Time // the time of every file above those layers
	Labels map[string]string
	Probe  []blob // the layers of the health check for an image without one; nil for none
}

// normalise returns the image with its own layers and configuration rewritten. The new
// layers lie in dir.
func normalise(ctx context.Context, c *content, n normal, dir string) (*content, error) {
	out := &content{Layers: slices.Clone(c.Layers)}
	if err := normaliseLayers(ctx, out.Layers, n, dir); err != nil {
		return nil, err
	}
	var err error
	if out.Config, err = rewriteConfig(c.Config, out.Layers, n); err != nil || n.Probe == nil {
		return out, err
	}
	return withProbe(out, n.Probe, n.Epoch)
}

// normaliseLayers puts canonical layers in the place of those above the base. It looks at
// all of them first: only what an own layer has is worth comparing in those below.
func normaliseLayers(ctx context.Context, layers []blob, n normal, dir string) error {
	own := map[string]bool{}
	lists := make([][]entry, len(layers))
	for i := len(layers) - 1; i >= 0 && n.Base < len(layers); i-- {
		list, err := layers[i].list(ctx, dir, func(path string) bool { return i >= n.Base || own[path] })
		if err != nil {
			return fmt.Errorf("reading layer %d: %w", i+1, err)
		}
		lists[i] = list
		for _, e := range list {
			own[e.Path] = own[e.Path] || i >= n.Base
		}
	}
	all := newTree()
	for i, list := range lists {
		if i < n.Base {
			all.takeAway(list)
			all.put(list)
			continue
		}
		var err error
		if layers[i], err = layers[i].rewrite(ctx, dir, canonical(all, list), n.Files); err != nil {
			return fmt.Errorf("rewriting layer %d: %w", i+1, err)
		}
	}
	return nil
}

func (b blob) list(ctx context.Context, dir string, hashed func(path string) bool) ([]entry, error) {
	from, open, err := b.anywhere(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = open.Close() }() // only read
	return listLayer(ctx, from, hashed)
}

// rewrite makes a layer of entries of this one.
func (b blob) rewrite(ctx context.Context, dir string, list []entry, at time.Time) (blob, error) {
	from, open, err := b.anywhere(dir)
	if err != nil {
		return blob{}, err
	}
	defer func() { _ = open.Close() }() // only read
	f, err := os.CreateTemp(dir, "layer-")
	if err != nil {
		return blob{}, err
	}
	sum := &counted{h: sha256.New()}
	err = writeEntries(ctx, io.MultiWriter(f, sum), from, list, at)
	if err := errors.Join(err, f.Close()); err != nil {
		return blob{}, err
	}
	name := f.Name()
	return blob{
		DiffID: "sha256:" + hex.EncodeToString(sum.h.Sum(nil)), Size: sum.n,
		Open: func() (io.ReadCloser, error) { return os.Open(name) },
	}, nil
}

type counted struct {
	h hash.Hash
	n int64
}

func (c *counted) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return c.h.Write(b)
}

// rewriteConfig fixes the times, drops what names the build, and puts the labels on. It
// keeps every key that it does not know.
func rewriteConfig(raw []byte, layers []blob, n normal) ([]byte, error) {
	var cfg map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&cfg); err != nil {
		return nil, fmt.Errorf("reading the image's configuration: %w", err)
	}
	stamp := n.Epoch.UTC().Format(time.RFC3339)
	cfg["created"] = stamp
	for _, key := range []string{"container", "container_config", "docker_version", "moby.buildkit.buildinfo.v1", "moby.buildkit.cache.v0"} {
		delete(cfg, key)
	}
	diffIDs := make([]any, 0, len(layers))
	for _, l := range layers {
		diffIDs = append(diffIDs, l.DiffID)
	}
	cfg["rootfs"] = map[string]any{"type": "layers", "diff_ids": diffIDs}
	rewriteHistory(cfg, n.Base, stamp)

	inner, _ := cfg["config"].(map[string]any)
	if inner == nil {
		inner = map[string]any{}
	}
	labels := map[string]any{}
	if have, ok := inner["Labels"].(map[string]any); ok {
		maps.Copy(labels, have)
	}
	for k := range labels {
		// A base image's own must not speak for the image made from it.
		if strings.HasPrefix(k, "drydock.") || strings.HasPrefix(k, "org.opencontainers.image.") {
			delete(labels, k)
		}
	}
	for k, v := range n.Labels {
		labels[k] = v
	}
	inner["Labels"] = labels
	for _, key := range []string{"Hostname", "Domainname", "Image"} {
		if _, ok := inner[key]; ok {
			inner[key] = ""
		}
	}
	cfg["config"] = inner
	return json.Marshal(cfg) // keys come out sorted
}

// rewriteHistory gives the steps above the base layers the time of the image.
func rewriteHistory(cfg map[string]any, base int, stamp string) {
	steps, _ := cfg["history"].([]any)
	layers := 0
	for _, s := range steps {
		step, ok := s.(map[string]any)
		if !ok {
			continue
		}
		empty, _ := step["empty_layer"].(bool)
		if !empty {
			layers++
		}
		if layers > base || layers == base && empty {
			step["created"] = stamp
		}
	}
}

// baseLayers counts how many of an image's lowest layers are those of a base: the one of
// the candidates that the image begins with and that has most.
func baseLayers(layers []string, candidates [][]string) int {
	best := 0
	for _, c := range candidates {
		if len(c) <= best || len(c) > len(layers) {
			continue
		}
		same := true
		for i := range c {
			same = same && c[i] == layers[i]
		}
		if same {
			best = len(c)
		}
	}
	return best
}
