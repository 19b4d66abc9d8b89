//go:build integration

package swarm

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/testkit"
)

// A swarm of one node: a release replaces another without a failed request, and a bad one is
// taken back, all services of it (docker/cli 6752, moby/moby 34712).
func TestReleasesOnASwarmOfOneNode(t *testing.T) {
	c := newCluster(t, 1, 1)
	require.NoError(t, c.apply(c.stack("v1")))
	c.serves(0, "v1")

	load := testkit.StartLoad(t, testkit.Load{URL: c.url(0), Rate: 40, Workers: 8})
	require.NoError(t, c.apply(c.stack("v2")))
	c.serves(0, "v2")
	r := load.Stop()
	assert.Zero(t, r.Failed, "%v", r)
	assert.Greater(t, r.Sent, 40)

	load = testkit.StartLoad(t, testkit.Load{URL: c.url(0), Rate: 40, Workers: 8})
	err := c.apply(c.stack("v3", "-unhealthy"))
	require.ErrorIs(t, err, ErrReturned)
	assert.ErrorContains(t, err, "unhealthy")
	r = load.Stop()
	assert.Zero(t, r.Failed, "%v", r)
	services, err := c.swarm.services(t.Context())
	require.NoError(t, err)
	for _, name := range []string{"backend", "frontend"} {
		assert.Equal(t, "v2", services[name].Runs["drydock.version"], "one release everywhere: %s", name)
	}
	c.serves(0, "v2")
	require.NoError(t, c.apply(c.stack("v2")), "what is there already is as good as new")
	require.NoError(t, c.swarm.Remove(t.Context()))
}
