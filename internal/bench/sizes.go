package bench

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"drydock/internal/compose"
	"drydock/internal/engine"
)

// published are sizes for linux/amd64 that docker-library/repo-info states of what a registry
// sends, in bytes, as of September 2026. No registry is asked, so that the numbers are of the
// same day everywhere.
var published = []struct {
	of   string // our image
	name string
	size float64
}{
	{"postgres", "postgres:17-trixie, official, published", 161_322_974},
	{"postgres", "postgres:17-alpine, official, published", 117_190_808},
	{"redis", "redis:8-trixie, official, published", 55_437_546},
	{"gateway", "nginx:1.30-trixie, official, published", 66_084_169},
}

// sizes compares what a registry would send of our images with the official ones. Ours do
// more: pgBackRest in postgres, the supervisor in the gateway.
func sizes(ctx context.Context, e *engine.Client, refs compose.Refs) ([]Row, error) {
	const scene = "image sizes, compressed as a registry sends them"
	ours := map[string]float64{}
	var rows []Row
	mb := func(size float64) Sample { return Sample{size / 1e6} }
	for name, ref := range map[string]string{"postgres": refs.DB, "redis": refs.Redis, "gateway": refs.Gateway, "backend": refs.Backend, "frontend": refs.Frontend, "backup": refs.Backup} {
		size, err := transferSize(ctx, e, ref)
		if err != nil {
			return nil, fmt.Errorf("measuring the size of %s: %w", ref, err)
		}
		ours[name] = size
	}
	for _, p := range published {
		rows = append(rows, row(scene, p.of, "MB", mb(ours[p.of]), p.name, mb(p.size)), row(scene, p.name, "MB", mb(p.size), p.name, mb(p.size)))
	}
	for _, name := range []string{"backend", "frontend", "backup"} {
		rows = append(rows, row(scene, name, "MB", mb(ours[name]), "", nil))
	}
	return rows, nil
}

// transferSize is the size of an image's layers, each compressed with gzip, in bytes.
func transferSize(ctx context.Context, e *engine.Client, ref string) (size float64, err error) {
	r, err := e.Save(ctx, ref)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return layersSize(r)
}

// layersSize reads an archive of `docker save`, which names its layers in its last entry.
func layersSize(r io.Reader) (float64, error) {
	compressed := map[string]float64{}
	var images []struct{ Layers []string }
	archive := tar.NewReader(r)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		if h.Typeflag == tar.TypeSymlink { // a layer that is there twice is sent once
			compressed[h.Name] = 0
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if h.Name == "manifest.json" {
			if err := json.NewDecoder(archive).Decode(&images); err != nil {
				return 0, err
			}
			continue
		}
		var n counter
		z := gzip.NewWriter(&n)
		if _, err := io.Copy(z, archive); err != nil {
			return 0, err
		}
		if err := z.Close(); err != nil {
			return 0, err
		}
		compressed[h.Name] = float64(n)
	}
	size := 0.0
	for _, img := range images {
		for _, layer := range img.Layers {
			n, ok := compressed[layer]
			if !ok {
				return 0, fmt.Errorf("the archive has no layer %s", layer)
			}
			size += n
		}
	}
	if size == 0 {
		return 0, errors.New("the archive names no layer")
	}
	return size, nil
}

type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }
