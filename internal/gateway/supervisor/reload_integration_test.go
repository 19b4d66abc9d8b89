//go:build integration

package supervisor_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
)

func TestRefusedConfigurationChangesNothing(t *testing.T) {
	t.Parallel()
	g := start(t, nil)
	g.both("one", "blue")
	before := g.state()
	out, code := g.run(pushed(t, "set $colour $idle_colour;", "set $colour $no_such_variable;"), "gateway", "load")
	assert.Equal(t, 78, code)
	assert.Contains(t, out, `unknown "no_such_variable" variable`)
	assert.NotContains(t, out, "/tmp/gateway/generations")

	out, code = g.run(pushed(t, "proxy_connect_timeout 1s;", "proxy_conect_timeout 1s;"), "gateway", "load")
	assert.Equal(t, 78, code)
	assert.Contains(t, out, `unknown directive "proxy_conect_timeout" in nginx.conf:`)
	assert.Contains(t, out, `|     proxy_conect_timeout 1s;`)
	assert.Contains(t, out, `|     proxy_set_header Connection "";`, "two lines of context")
	after := g.state()
	assert.Equal(t, before.Generation, after.Generation)
	assert.Nil(t, after.Pushed)
	assert.EqualValues(t, 2, after.Reloads.Failed)
	assert.Contains(t, after.LastReload.Error, "proxy_conect_timeout")
	assert.Equal(t, "one", g.who("/x"))

	for name, archive := range map[string]*engine.File{
		"leads out of the folder":       {Name: "../x", Mode: 0o644},
		"neither a file nor a folder":   {Name: "x", Mode: 0o777, Link: "/etc/passwd"},
		"has no nginx.conf at its top":  {Name: "other.conf", Mode: 0o644},
		"which the gateway renders":     {Name: "run/main.conf", Mode: 0o644},
		"it is larger than":             {Name: "nginx.conf", Mode: 0o644, Data: make([]byte, 17<<20)},
		"unexpected end of file in the": {Name: "nginx.conf", Mode: 0o644, Data: []byte("events {\n")},
	} {
		stream, err := engine.Tar(*archive)
		require.NoError(t, err)
		out, code := g.run(stream, "gateway", "load")
		assert.Equal(t, 78, code, "%s: %s", name, out)
		if name != "unexpected end of file in the" {
			assert.Contains(t, out, name)
		}
	}
	assert.Equal(t, "one", g.who("/x"))
	assert.Equal(t, "0", strings.TrimSpace(g.ok("sh", "-c", "ls -A /var/lib/gateway/conf | wc -l")), "refused ones leave nothing")
}

func TestReloadsAreMerged(t *testing.T) {
	t.Parallel()
	g := start(t, nil)
	out := g.ok("sh", "-c", "for i in 1 2 3 4 5 6; do gateway reload & done; wait")
	assert.Equal(t, 6, strings.Count(out, "serves"))
	assert.Less(t, g.state().Generation, 1+6, "six wishes made fewer generations")
	before := g.state().Generation
	require.NoError(t, g.engine.Kill(t.Context(), g.id, "HUP"))
	g.until("HUP makes a generation", func() bool { return g.state().Generation > before })
}
