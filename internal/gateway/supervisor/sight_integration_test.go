//go:build integration

package supervisor_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A gateway whose volume is gone, or damaged, must not give visitors a release that has been
// taken away: it goes by who is there.
func TestALostStateIsMadeUpForByWhoIsThere(t *testing.T) {
	t.Parallel()
	g := start(t, nil)
	serves := func(name string) {
		t.Helper()
		g.until(name+" serves", func() bool { return g.who("/api/x") == name && g.who("/x") == name })
	}
	assert.EqualValues(t, "blue", g.state().Active, "the first of all")

	// As when a machine starts: the members come after the gateway.
	g.member("green", "backend-green", "frontend-green")
	serves("green")
	assert.True(t, g.state().Assumed)
	g.until("it has watched the change and says so", func() bool { return strings.Contains(g.log(), "green, which alone is there") })

	// The other one does not take that away again, though nobody has said which one is live.
	blue := g.member("blue", "backend-blue", "frontend-blue")
	both := func() bool {
		return g.healthy("backend-blue") == 1 && g.healthy("frontend-blue") == 1 && g.healthy("backend-green") == 1 && g.healthy("frontend-green") == 1
	}
	g.until("both are there", both)
	g.restart()
	g.until("both are there", both)
	serves("green")
	assert.Contains(t, g.ok("gateway", "state"), "green is active (ASSUMED: the state is lost and both colours are there")

	// Once it was said it is known.
	g.ok("gateway", "switch", "blue")
	serves("blue")
	assert.False(t, g.state().Assumed)
	assert.NotContains(t, g.ok("gateway", "state"), "ASSUMED")
	g.ok("gateway", "switch", "green")
	g.restart()
	g.until("both are there", both)
	serves("green")
	assert.False(t, g.state().Assumed)

	// Lost with one colour there: it is that one, from the first request on.
	assert.NoError(t, g.engine.Remove(t.Context(), blue.ID))
	g.ok("sh", "-c", "echo '{\"active\": \"gre' > /var/lib/gateway/state.json")
	g.restart()
	assert.EqualValues(t, "green", g.state().Active)
	assert.Contains(t, g.log(), "the state cannot be read")
	assert.Contains(t, g.log(), "no state says which colour is live; it is the one that is there")
	serves("green")
}

// A deploy starts a release that nobody may see yet, where nothing else is: it has taken a turn,
// and says itself what is live.
func TestWhoHasTakenATurnSaysWhatIsLive(t *testing.T) {
	t.Parallel()
	g := start(t, nil)
	g.ok("gateway", "turn")
	g.member("green", "backend-green", "frontend-green")
	g.until("it was looked at", func() bool {
		return strings.Contains(g.log(), "whoever has taken over says which colour is live")
	})
	v := g.state()
	assert.EqualValues(t, "blue", v.Active)
	assert.Equal(t, 1, v.Generation)
	assert.Equal(t, 503, g.status("/api/x"))
	g.ok("gateway", "switch", "green")
	g.until("it serves", func() bool { return g.who("/api/x") == "green" })
	assert.False(t, g.state().Assumed)
}
