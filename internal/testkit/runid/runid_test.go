package runid

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestIDNamesThisProcess(t *testing.T) {
	p, ok := parseProcess(ID())
	require.True(t, ok, ID())
	assert.Equal(t, thisProcess(), p)
	assert.False(t, p.gone(thisProcess(), startOf), "this process runs")
	for _, foreign := range []string{"", "abc", "p1-s1-b1-n1", "px-s1-b1-n1-m1", "s1-p1-b1-n1-m1", "p1-s-b1-n1-m1"} {
		_, ok := parseProcess(foreign)
		assert.False(t, ok, foreign)
	}
}

func TestOnlyWhatIsCertainlyGoneIsGone(t *testing.T) {
	self := process{pid: 1, start: "10", boot: "b", space: "n", machine: "m"}
	running := map[int]string{1: "10", 2: "20"}
	start := func(pid int) string {
		if s, ok := running[pid]; ok {
			return s
		}
		return unknown
	}
	for name, test := range map[string]struct {
		p    process
		want bool
	}{
		"itself":                    {self, false},
		"another one that runs":     {process{2, "20", "b", "n", "m"}, false},
		"its number was given away": {process{2, "19", "b", "n", "m"}, true},
		"nobody has its number":     {process{3, "30", "b", "n", "m"}, true},
		"another boot":              {process{2, "20", "a", "n", "m"}, true},
		"another machine":           {process{3, "30", "b", "n", "x"}, false},
		"another machine's boot":    {process{3, "30", "a", "n", "x"}, false},
		"another container":         {process{3, "30", "b", "x", "m"}, false},
		"start unknown":             {process{3, unknown, "b", "n", "m"}, false},
		"boot unknown":              {process{3, "30", unknown, "n", "m"}, false},
	} {
		assert.Equal(t, test.want, test.p.gone(self, start), name)
	}
	nameless := self
	nameless.machine = none
	assert.False(t, process{2, "20", "a", "n", none}.gone(nameless, start), "which machine's boot?")
}
