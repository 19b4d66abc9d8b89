package supervisor

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"

	"drydock/internal/gateway/pool"
	"drydock/internal/gateway/render"
)

// views makes the pools of both colours from how each is: h healthy, u unhealthy, - nobody,
// ? not known; the backend's first.
func views(blue, green string) []pool.View {
	var list []pool.View
	for colour, how := range map[string]string{"blue": blue, "green": green} {
		for i, name := range []string{"backend-", "frontend-"} {
			v := pool.View{Name: name + colour, Names: pool.Known.String()}
			switch how[i] {
			case 'h', 'u':
				v.Members = []pool.MemberView{{Addr: netip.MustParseAddr("10.0.0.1"), Healthy: how[i] == 'h'}}
			case '-':
				v.Names = pool.Nobody.String()
			case '?':
				v.Names = pool.Unclear.String()
			}
			list = append(list, v)
		}
	}
	return list
}

func TestWithoutAStateTheColourIsWhoIsThere(t *testing.T) {
	for _, c := range []struct {
		blue, green string
		want        render.Colour
	}{
		{"--", "--", render.Blue}, // the first start of all
		{"hh", "--", render.Blue},
		{"--", "hh", render.Green},
		{"--", "uu", render.Green}, // it is starting
		{"uu", "--", render.Blue},
		{"uu", "hh", render.Green},
		{"hh", "uu", render.Blue},
		{"hh", "hh", render.Blue},  // nothing here can tell
		{"-h", "hh", render.Green}, // half of a release serves nobody
		{"--", "h-", render.Green},
		{"??", "hh", render.Green},
		{"??", "??", render.Blue},
	} {
		assert.Equal(t, c.want, onSight(render.Blue, views(c.blue, c.green)), "%s %s", c.blue, c.green)
		assert.Equal(t, c.want.Other(), onSight(render.Green, views(c.green, c.blue)), "%s %s, the other way round", c.blue, c.green)
	}
	assert.Equal(t, absent, presenceOf(render.Blue, views("--", "hh")))
	assert.Equal(t, partly, presenceOf(render.Blue, views("?-", "hh")), "who is not known is not away")
	assert.Equal(t, partly, presenceOf(render.Blue, views("h-", "hh")))
	assert.Equal(t, serving, presenceOf(render.Blue, views("hh", "--")))
}
