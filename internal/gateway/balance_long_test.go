//go:build integration && long

package gateway_test

import (
	"encoding/json"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Three settings keep upstream connections open only together: a fraction of
// a percent of the requests may open one.
func TestReusesUpstreamConnections(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--cpus", "1")
	s.both()
	for _, path := range []string{"/api/x", "/x", "/assets/x"} {
		c := s.client()
		connections := map[string]bool{}
		for range 600 {
			res, err := c.Get(s.url(path))
			require.NoError(t, err)
			var e echoed
			require.NoError(t, json.NewDecoder(res.Body).Decode(&e))
			_, _ = io.Copy(io.Discard, res.Body)
			require.NoError(t, res.Body.Close())
			connections[e.Remote] = true
		}
		assert.Less(t, len(connections), 6, path)
	}
}
