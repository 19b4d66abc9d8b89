package bench

import (
	"context"
	"fmt"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/image"
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
		size, err := image.TransferSize(ctx, e, ref)
		if err != nil {
			return nil, fmt.Errorf("measuring the size of %s: %w", ref, err)
		}
		ours[name] = float64(size)
	}
	for _, p := range published {
		rows = append(rows, row(scene, p.of, "MB", mb(ours[p.of]), p.name, mb(p.size)), row(scene, p.name, "MB", mb(p.size), p.name, mb(p.size)))
	}
	for _, name := range []string{"backend", "frontend", "backup"} {
		rows = append(rows, row(scene, name, "MB", mb(ours[name]), "", nil))
	}
	return rows, nil
}
