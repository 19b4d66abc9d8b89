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
	"hash"
	"io"
	"maps"
	"os"
	"strings"
	"time"
)

// Two builds of the same input differ in what depends on the moment only: the times of
// files made during the build, and the times in the image's history. normalise takes
// both away, so that the same input has the same image id on every machine and every
// version of the engine. (BuildKit can do the same since 0.11 for some of its outputs;
// an engine's own builder is older, or writes an output that is left out of that.)

// normal says how an image is normalised.
type normal struct {
	Base   int       // this many lowest layers are another image's and stay as they are
	Epoch  time.Time // the latest time that a file may have
	Labels map[string]string
	Probe  []blob // the layers of the health check for an image without one; nil for none
}

// normalise returns the image with its own layers and configuration rewritten. The new
// layers lie in dir.
func normalise(ctx context.Context, c *content, n normal, dir string) (*content, error) {
	out := &content{}
	for i, l := range c.Layers {
		if i >= n.Base {
			var err error
			if l, err = rewriteLayer(ctx, l, n.Epoch, dir); err != nil {
				return nil, fmt.Errorf("rewriting layer %d: %w", i+1, err)
			}
		}
		out.Layers = append(out.Layers, l)
	}
	var err error
	if out.Config, err = rewriteConfig(c.Config, out.Layers, n); err != nil || n.Probe == nil {
		return out, err
	}
	return withProbe(out, n.Probe, n.Epoch)
}

// rewriteLayer copies a layer without what depends on the moment or the builder. Times
// before the epoch stay: packages and builds set them on purpose.
func rewriteLayer(ctx context.Context, l blob, epoch time.Time, dir string) (blob, error) {
	from, err := l.uncompressed()
	if err != nil {
		return blob{}, err
	}
	defer func() { _ = from.Close() }() // only read
	f, err := os.CreateTemp(dir, "layer-")
	if err != nil {
		return blob{}, err
	}
	sum := &counted{h: sha256.New()}
	err = copyTar(ctx, io.MultiWriter(f, sum), from, epoch)
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

func copyTar(ctx context.Context, w io.Writer, r io.Reader, epoch time.Time) error {
	tr, tw := tar.NewReader(r), tar.NewWriter(w)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return tw.Close()
		}
		if err != nil {
			return err
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := tw.WriteHeader(plainHeader(h, epoch)); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
		if _, err := io.Copy(tw, tr); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

// plainHeader keeps what a running container can see: name, type, mode, numeric owner,
// size, link, device, and extended attributes such as file capabilities.
func plainHeader(h *tar.Header, epoch time.Time) *tar.Header {
	out := &tar.Header{
		Typeflag: h.Typeflag, Name: h.Name, Linkname: h.Linkname, Size: h.Size, Mode: h.Mode,
		Uid: h.Uid, Gid: h.Gid, Devmajor: h.Devmajor, Devminor: h.Devminor,
		ModTime: h.ModTime.Truncate(time.Second), Format: tar.FormatPAX,
	}
	if out.ModTime.After(epoch) {
		out.ModTime = epoch
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
