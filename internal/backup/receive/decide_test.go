package receive

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// step is one observation, seconds after the one before.
type step struct {
	after int
	see   Observation
	state State
	act   action
}

var (
	none    = Observation{Commit: "on", Current: 1000}
	caught  = Observation{Commit: "on", Current: 1000, Flushed: 1000, Streaming: true}
	waiting = Observation{Configured: names, Commit: "on", Current: 1000}
	zero    = Observation{Configured: names, Commit: "on", Current: 1000, Flushed: 1000, Streaming: true, Sync: true}
	stuck   = Observation{Configured: names, Commit: "on", Current: 2000, Flushed: 1000, Streaming: true, Sync: true}
)

func with(o Observation, change func(*Observation)) Observation {
	change(&o)
	return o
}

func TestDecide(t *testing.T) {
	moving := func(flushed LSN) Observation {
		return with(stuck, func(o *Observation) { o.Flushed, o.Current = flushed, flushed+5000 })
	}
	for name, c := range map[string]struct {
		policy Policy
		steps  []step
	}{
		"it is switched on when the receiver has caught up": {Wait, []step{
			{0, none, Starting, nothing},
			{1, with(caught, func(o *Observation) { o.Flushed, o.Current = 100, 100+caughtUp+1 }), Starting, nothing},
			{1, caught, Starting, switchOn}, {1, zero, Zero, nothing}}},
		"a receiver that never came holds nothing up": {Wait, []step{
			{0, none, Starting, nothing}, {9, none, Starting, nothing}, {1, none, Degraded, nothing}, {1, caught, Degraded, switchOn}, {1, zero, Zero, nothing}}},
		"wait leaves it on": {Wait, []step{
			{0, zero, Zero, nothing}, {9, waiting, Zero, nothing}, {1, waiting, Waiting, nothing}, {100, waiting, Waiting, nothing}, {1, zero, Zero, nothing}}},
		"degrade switches off, and on again": {Degrade, []step{
			{0, zero, Zero, nothing}, {10, waiting, Degraded, switchOff}, {1, none, Degraded, nothing}, {100, none, Degraded, nothing},
			{1, caught, Degraded, switchOn}, {1, zero, Zero, nothing}}},
		"a paused receiver is connected, and counts as away": {Degrade, []step{
			{0, zero, Zero, nothing}, {1, stuck, Zero, nothing}, {9, stuck, Degraded, switchOff}}},
		"a slow one that moves does not": {Degrade, []step{
			{0, zero, Zero, nothing}, {8, moving(2000), Zero, nothing}, {8, moving(3000), Zero, nothing}, {8, moving(4000), Zero, nothing}}},
		"an idle database is no reason":                             {Degrade, []step{{0, zero, Zero, nothing}, {100, zero, Zero, nothing}}},
		"after the guard's own restart, commits that wait are seen": {Wait, []step{{0, waiting, Starting, nothing}, {10, waiting, Waiting, nothing}}},
		"somebody else's standby is left alone": {Degrade, []step{
			{0, with(zero, func(o *Observation) { o.Configured = "replica" }), Refused, nothing}, {100, with(none, func(o *Observation) { o.Configured = "replica" }), Refused, nothing}}},
		"the command line cannot be changed": {Wait, []step{{0, with(caught, func(o *Observation) { o.Source = "command line" }), Refused, nothing}}},
		"commits that do not wait":           {Wait, []step{{0, with(zero, func(o *Observation) { o.Commit = "off" }), Refused, nothing}}},
		"commits that would wait for ever": {Wait, []step{
			{0, with(zero, func(o *Observation) { o.Commit = "remote_apply" }), Refused, switchOff}, {1, with(caught, func(o *Observation) { o.Commit = "remote_apply" }), Refused, nothing}}},
	} {
		t.Run(name, func(t *testing.T) {
			var m memory
			now := time.Unix(1000, 0)
			for i, s := range c.steps {
				now = now.Add(time.Duration(s.after) * time.Second)
				var act action
				m, act = decide(c.policy, 10*time.Second, m, s.see, now)
				require.Equal(t, s.state, m.state, "step %d", i)
				require.Equal(t, s.act, act, "step %d", i)
			}
		})
	}
}

func TestNames(t *testing.T) {
	const size = 16 << 20
	for text, want := range map[string]LSN{"0/16B3748": 0x16B3748, "1A/FF000028": 0x1AFF000028} {
		l, err := ParseLSN(text)
		require.NoError(t, err)
		assert.Equal(t, want, l)
		assert.Equal(t, text, l.String())
	}
	for _, text := range []string{"", "0", "x/1", "0/1FFFFFFFF"} {
		_, err := ParseLSN(text)
		require.Error(t, err, text)
	}
	s, ok := ParseSegment("00000002000000010000000A", size)
	require.True(t, ok)
	assert.Equal(t, Segment{2, 256 + 10}, s)
	assert.Equal(t, "00000002000000010000000A", s.Name(size))
	assert.Equal(t, LSN(0x10A000000), s.Start(size))
	for _, name := range []string{"00000002000000010000000A.partial", "00000002.history", "0000000200000001FFFFFFFF", "position.json"} {
		_, ok := ParseSegment(name, size)
		assert.False(t, ok, name)
	}
	r, ok := parseRun("0000000A-0012")
	require.True(t, ok)
	assert.Equal(t, "0000000A-0012", r.String())
}

func TestRuns(t *testing.T) {
	dir := t.TempDir()
	open := func(id identity, there, lost bool) (string, string) {
		t.Helper()
		run, reason, err := openRun(dir, id, there, lost)
		require.NoError(t, err)
		return run[len(dir)+1:], reason
	}
	one := identity{System: "7", Timeline: 1, Position: 1000}
	run, reason := open(one, false, false)
	assert.Equal(t, "7/00000001-0001", run)
	assert.Contains(t, reason, "first")
	require.NoError(t, writePosition(dir+"/"+run, position{Synced: 900}))
	run, reason = open(one, true, false)
	assert.Equal(t, "7/00000001-0001", run)
	assert.Empty(t, reason)

	run, reason = open(one, true, true)
	assert.Equal(t, "7/00000001-0002", run, "what the server let go is missing, so it is no longer one run")
	assert.Contains(t, reason, "let its WAL go")
	run, reason = open(identity{System: "7", Timeline: 2, Position: 500}, false, false)
	assert.Equal(t, "7/00000002-0001", run)
	assert.Contains(t, reason, "restored")
	run, _ = open(identity{System: "8", Timeline: 1, Position: 10}, false, false)
	assert.Equal(t, "8/00000001-0001", run)

	// An older copy of the data came back under the same timeline: what it lacks is kept.
	two := identity{System: "7", Timeline: 2, Position: 500}
	require.NoError(t, writePosition(dir+"/7/00000002-0001", position{Synced: 501}))
	run, reason = open(two, true, false)
	assert.Equal(t, "7/00000002-0002", run)
	assert.Contains(t, reason, "older copy")
	p, err := readPosition(dir + "/7/00000002-0001")
	require.NoError(t, err)
	assert.True(t, p.Diverged)
}
