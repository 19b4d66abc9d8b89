//go:build integration

package dockertest

import (
	"testing"

	"drydock/internal/testkit"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// docker/compose 12362, 13287: secrets that keep the host's owner and mode.
func TestPostgresRefusesClearly(t *testing.T) {
	t.Parallel()
	const data = "/var/lib/postgresql/data"
	with := func(f ...file) *server {
		s := newServer(t)
		s.secrets = volume(t)
		write(t, s.secrets, f...)
		return s
	}
	assert.Contains(t, with(file{name: "db_password", content: "x", root: true}).refused(),
		"/run/secrets/db_password (owner uid 0, mode 400) cannot be read by uid 999")
	assert.Contains(t, with(file{name: "db_password"}).refused(), "no password for the first start")
	assert.Contains(t, with().refused(), "/run/secrets/db_password, which does not exist")
	assert.Contains(t, with(file{name: "db_password", content: "two\nlines"}).refused(), "more than one line")

	both := newServer(t, "--env", "POSTGRES_PASSWORD=x")
	assert.Contains(t, both.refused(), "both POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE are set")
	assert.Contains(t, newServer(t, "--user", "0:0").refused(), "does not run as root")

	// The data directory.
	dir := func(f file, prepare string) string {
		s := newServer(t)
		// Never empty: the engine gives an empty volume the owner that the image's folder has.
		write(t, s.data, f)
		docker(t, append(append([]string{"run", "--rm", "--user", "0:0", "--volume", s.data + ":" + data}, testkit.LabelOptions(t)...),
			imageRef(t, "postgres"), "sh", "-c", prepare)...)
		return s.refused()
	}
	assert.Contains(t, dir(file{name: "PG_VERSION", content: "16\n"}, "chown 999:999 "+data), "holds data of PostgreSQL 16, and this is PostgreSQL 17")
	assert.Contains(t, dir(file{name: "PG_VERSION", content: "17\n"}, "chown 999:999 "+data), "no global/pg_control")
	assert.Contains(t, dir(file{name: "photo.jpg", content: "x"}, "chown 999:999 "+data), "holds no PostgreSQL data (found: photo.jpg)")
	assert.Contains(t, dir(file{name: "PG_VERSION", content: "17\n"}, "chown 70:70 "+data), "belongs to uid 70, and this server runs as uid 999")

	out, err := tryDocker("", append(append([]string{"run", "--rm", "--read-only", "--tmpfs", "/tmp"}, testkit.LabelOptions(t)...), imageRef(t, "postgres"))...)
	require.Error(t, err, out)
	assert.ErrorContains(t, err, "/run/postgresql (owner uid 999, mode 2755) cannot be written by uid 999; mount a tmpfs there")
}
