package bench

import (
	"context"
	"fmt"
	"slices"

	"drydock/internal/compose"
	"drydock/internal/image"
	"drydock/internal/stack"
)

const sizeScene = "image sizes, compressed as a registry sends them"

// published are sizes for publishedFor that docker-library/repo-info states of what a registry
// sends, in bytes, as of publishedAt. No registry is asked, so that the numbers are of the same
// day everywhere.
var published = []struct {
	of   string // our image
	name string
	size float64
}{
	{image.Postgres, "postgres:17-trixie, official, published", 161_322_974},
	{image.Postgres, "postgres:17-alpine, official, published", 117_190_808},
	{image.Redis, "redis:8-trixie, official, published", 55_437_546},
	{image.Gateway, "nginx:1.30-trixie, official, published", 66_084_169},
}

const (
	publishedFor = "linux/amd64"
	publishedAt  = "September 2026"
)

// sizeNote says what the published sizes are of.
const sizeNote = "The official images' sizes are not measured: they are what docker-library/repo-info stated for " + publishedFor + " in " + publishedAt +
	". Only the variants below are compared; redis and nginx have others, on Alpine for example."

const (
	debianBase = "base-trixie"
	forkyBase  = "base-forky"
)

// bases are the images that stand in for a published peer where there is none, in the order of
// a table: by our image, those of ours to build on. The backend stands on nothing, which is
// just what is seen beside a base.
func bases(postgresVersion string) []struct{ of, base string } {
	client := debianBase
	if postgresVersion == "18" { // as in docker/backup
		client = forkyBase
	}
	return []struct{ of, base string }{{image.Backend, debianBase}, {image.Backup, client}, {image.Frontend, nginxBase}}
}

// sizes compares what a registry would send of our images with the official ones, or with our
// own bases. Ours do more: pgBackRest in postgres, the supervisor in the gateway.
func sizes(ctx context.Context, st *stack.Stack, refs compose.Refs) ([]Row, error) {
	all := map[string]string{image.Postgres: refs.DB, image.Redis: refs.Redis, image.Gateway: refs.Gateway, image.Backend: refs.Backend, image.Frontend: refs.Frontend, image.Backup: refs.Backup}
	beside := bases(st.Settings.Database.Version)
	var names []string
	for _, b := range beside {
		if !slices.Contains(names, b.base) {
			names = append(names, b.base)
		}
	}
	built, err := image.Build(ctx, image.BuildOptions{Settings: st.Settings, Engine: st.Engine, Err: st.Err, Names: names, Stage: image.StageProd})
	if err != nil {
		return nil, fmt.Errorf("measuring sizes: %w", err)
	}
	for _, i := range built {
		all[i.Name] = i.Ref
	}
	bytes := map[string]float64{}
	for name, ref := range all {
		size, err := image.TransferSize(ctx, st.Engine, ref)
		if err != nil {
			return nil, fmt.Errorf("measuring the size of %s: %w", ref, err)
		}
		bytes[name] = float64(size)
	}
	return sizeRows(bytes, beside), nil
}

// sizeRows puts each of our images beside its peer.
func sizeRows(bytes map[string]float64, beside []struct{ of, base string }) (rows []Row) {
	pair := func(of, peer string, size float64) {
		mine, theirs := Sample{bytes[of] / 1e6}, Sample{size / 1e6}
		rows = append(rows, row(sizeScene, of, "MB", mine, peer, theirs), row(sizeScene, peer, "MB", theirs, peer, theirs))
	}
	for _, p := range published {
		pair(p.of, p.name, p.size)
	}
	for _, b := range beside {
		pair(b.of, b.base+", ours to build on", bytes[b.base])
	}
	return rows
}
