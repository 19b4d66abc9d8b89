package setup

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWriteText(t *testing.T) {
	f := bare()
	f.Git = Tool{}
	var b bytes.Buffer
	require.NoError(t, writeText(&b, Inspect(f, Options{})))
	assert.Equal(t, `ok       go              go1.26.8, /usr/local/go/bin/go
missing  git             none: versions are named by the content of the checkout (optional); fix: apt-get install git, for versions by tag and commit
missing  docker engine   nothing answers on unix:///var/run/docker.sock; fix: go tool mage setup, or set DOCKER_HOST
missing  docker cli      not found; fix: go tool mage setup
missing  compose plugin  not found; fix: go tool mage setup
missing  buildx plugin   not found; fix: go tool mage setup
missing  iptables        not found; fix: go tool mage setup
missing  mmdebstrap      not found (optional); fix: go tool mage setup (needed only when no container registry answers)
ok       disk space      80GiB free in /var/lib/docker
ok       memory          16GiB
ok       clock           2026-11-25T12:00:00Z
missing  chromium        not found (for the browser tests) (optional); fix: go tool mage test:e2e installs it
missing  c compiler      not found (for go test -race) (optional); fix: go tool mage test installs gcc
`, b.String())
}

func TestWriteJSON(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, writeJSON(&b, ready(), Inspect(ready(), Options{})))
	var got struct {
		Ready  bool
		System string
		Checks []Check
	}
	require.NoError(t, json.Unmarshal(b.Bytes(), &got))
	assert.True(t, got.Ready)
	assert.Equal(t, "Debian GNU/Linux 12 (bookworm)", got.System)
	assert.Equal(t, Inspect(ready(), Options{}), got.Checks)
}
