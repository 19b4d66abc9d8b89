package schedule

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func nothing(context.Context, Run) (Result, error) { return Result{}, nil }

func daily(t testing.TB, name string) Job {
	return Job{Name: name, Line: line(t, "30 2 * * *", "Europe/Berlin"), Attempts: 1, Grace: time.Hour, Do: nothing}
}

func TestDue(t *testing.T) {
	slot := func(text string) []time.Time { return []time.Time{at(t, text)} }
	running := &Entry{Run: "x"}
	other := func(j *Job) { j.Name, j.Group = "full", "physical" }
	type want struct {
		job    string
		action Action
		slot   string
		missed int
		reason string
	}
	for name, c := range map[string]struct {
		now    string
		change func(j *Job)
		before bool // the full one of the same group comes first
		states map[string]State
		want   []want
	}{
		"not yet":           {now: "2026-01-02T01:29:59Z", states: map[string]State{"incr": {Handled: slot("2026-01-01T01:30:00Z")}}},
		"now":               {now: "2026-01-02T01:30:00Z", states: map[string]State{"incr": {Handled: slot("2026-01-01T01:30:00Z")}}, want: []want{{"incr", Start, "2026-01-02T01:30:00Z", 0, ""}}},
		"done":              {now: "2026-01-02T09:00:00Z", states: map[string]State{"incr": {Handled: slot("2026-01-02T01:30:00Z")}}},
		"never heard of":    {now: "2026-01-02T09:00:00Z", states: map[string]State{}},
		"new since an hour": {now: "2026-01-02T09:00:00Z", states: map[string]State{"incr": {Since: at(t, "2026-01-02T08:00:00Z")}}},
		"off for a night": {now: "2026-01-02T09:00:00Z", states: map[string]State{"incr": {Handled: slot("2026-01-01T01:30:00Z")}},
			want: []want{{"incr", Start, "2026-01-02T01:30:00Z", 0, "caught up: it was due at 2026-01-02T02:30:00+01:00"}}},
		"off for a month": {now: "2026-02-01T09:00:00Z", states: map[string]State{"incr": {Handled: slot("2026-01-01T01:30:00Z")}},
			want: []want{{"incr", Start, "2026-02-01T01:30:00Z", 30, "and 30 times before"}}},
		"it still runs: skip": {now: "2026-01-02T01:30:00Z", states: map[string]State{"incr": {Handled: slot("2026-01-01T01:30:00Z"), Running: running}},
			want: []want{{"incr", Skip, "2026-01-02T01:30:00Z", 0, "it still runs"}}},
		"it still runs: wait": {now: "2026-01-02T01:30:00Z", change: func(j *Job) { j.Wait = true },
			states: map[string]State{"incr": {Handled: slot("2026-01-01T01:30:00Z"), Running: running}},
			want:   []want{{"incr", Hold, "2026-01-02T01:30:00Z", 0, "it still runs"}}},
		"the group is taken": {now: "2026-01-02T01:30:00Z", before: true,
			states: map[string]State{"incr": {Handled: slot("2026-01-01T01:30:00Z")}, "full": {Running: running}},
			want:   []want{{"incr", Skip, "2026-01-02T01:30:00Z", 0, "full runs"}}},
		"both are due": {now: "2026-01-02T01:30:00Z", before: true, change: func(j *Job) { j.Wait = true },
			states: map[string]State{"incr": {Handled: slot("2026-01-01T01:30:00Z")}, "full": {Handled: slot("2026-01-01T01:30:00Z")}},
			want:   []want{{"full", Start, "2026-01-02T01:30:00Z", 0, ""}, {"incr", Hold, "2026-01-02T01:30:00Z", 0, "full runs"}}},
		"the clock stepped back over a time that was run for": {now: "2026-01-02T01:30:00Z",
			states: map[string]State{"incr": {Handled: []time.Time{at(t, "2026-01-01T01:30:00Z"), at(t, "2026-01-02T01:30:00Z")}}}},
		"the clock was a year ahead": {now: "2026-01-02T01:30:00Z",
			states: map[string]State{"incr": {Handled: []time.Time{at(t, "2026-01-01T01:30:00Z"), at(t, "2027-01-02T01:30:00Z")}}},
			want:   []want{{"incr", Start, "2026-01-02T01:30:00Z", 0, ""}}},
		"only known from a clock that is ahead": {now: "2026-01-02T01:30:00Z", states: map[string]State{"incr": {Since: at(t, "2027-01-02T01:30:00Z")}}},
	} {
		t.Run(name, func(t *testing.T) {
			incr := daily(t, "incr")
			var jobs []Job
			if c.before {
				full := daily(t, "full")
				other(&full)
				incr.Group = full.Group
				jobs = append(jobs, full)
			}
			if c.change != nil {
				c.change(&incr)
			}
			jobs = append(jobs, incr)
			got := Due(jobs, c.states, at(t, c.now))
			require.Len(t, got, len(c.want))
			for i, w := range c.want {
				assert.Equal(t, w.job, got[i].Job.Name)
				assert.Equal(t, w.action, got[i].Action)
				assert.True(t, at(t, w.slot).Equal(got[i].Slot), "%s", got[i].Slot)
				assert.Equal(t, w.missed, got[i].Missed)
				assert.Contains(t, got[i].Reason, w.reason)
				if w.reason == "" {
					assert.Empty(t, got[i].Reason)
				}
			}
		})
	}
}

// Whatever the clock does, each of the line's times is run for at most once.
func TestNoTimeIsRunForTwice(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		j := daily(t, "dump")
		clock := at(t, "2026-03-20T00:00:00Z")
		states := map[string]State{"dump": State{}.apply(Entry{Event: EventSeen, Time: clock})}
		seen := map[int64]bool{}
		for range 60 {
			step := time.Duration(r.IntN(36*60)) * time.Minute
			if r.IntN(6) == 0 {
				step = -step
			}
			clock = clock.Add(step)
			for _, d := range Due([]Job{j}, states, clock) {
				require.False(t, seen[d.Slot.Unix()], "seed %d: %s again at %s", seed, d.Slot, clock)
				require.False(t, d.Slot.After(clock))
				seen[d.Slot.Unix()] = true
				st := states["dump"].apply(Entry{Event: EventStart, Time: clock, Slot: &d.Slot})
				states["dump"] = st.apply(Entry{Event: EventEnd, Time: clock, Slot: &d.Slot, Outcome: Succeeded})
			}
		}
	}
}

func TestOverdue(t *testing.T) {
	success := func(text string) State {
		return State{Since: at(t, "2026-01-01T00:00:00Z"), Success: &Entry{Time: at(t, text)}}
	}
	told := func(s State, text string) State { s.Alarmed = at(t, text); return s }
	for name, c := range map[string]struct {
		st             State
		now            string
		overdue, alarm bool
		lag            time.Duration
	}{
		"fresh":                     {success("2026-01-10T01:40:00Z"), "2026-01-10T12:00:00Z", false, false, 10*time.Hour + 20*time.Minute},
		"within the grace":          {success("2026-01-10T01:40:00Z"), "2026-01-11T02:30:00Z", false, false, 24*time.Hour + 50*time.Minute},
		"after the grace":           {success("2026-01-10T01:40:00Z"), "2026-01-11T02:30:01Z", true, true, 24*time.Hour + 50*time.Minute + time.Second},
		"told":                      {told(success("2026-01-10T01:40:00Z"), "2026-01-11T02:30:01Z"), "2026-01-12T02:30:00Z", true, false, 48*time.Hour + 50*time.Minute},
		"told a day ago":            {told(success("2026-01-10T01:40:00Z"), "2026-01-11T02:30:01Z"), "2026-01-12T02:30:01Z", true, true, 48*time.Hour + 50*time.Minute + time.Second},
		"told before the success":   {told(success("2026-01-10T01:40:00Z"), "2026-01-09T02:30:01Z"), "2026-01-11T02:30:01Z", true, true, 24*time.Hour + 50*time.Minute + time.Second},
		"never succeeded, new":      {State{Since: at(t, "2026-01-10T12:00:00Z")}, "2026-01-11T02:00:00Z", false, false, 14 * time.Hour},
		"never succeeded":           {State{Since: at(t, "2026-01-10T12:00:00Z")}, "2026-01-11T02:31:00Z", true, true, 14*time.Hour + 31*time.Minute},
		"unknown":                   {State{}, "2026-01-11T02:31:00Z", false, false, 0},
		"the clock stepped back":    {success("2026-01-10T01:40:00Z"), "2026-01-10T00:40:00Z", false, false, 0},
		"a success of another year": {success("2027-01-10T01:40:00Z"), "2026-01-10T00:40:00Z", true, true, 9*24*time.Hour + 40*time.Minute},
		"told by a clock ahead":     {told(success("2026-01-10T01:40:00Z"), "2027-01-11T02:30:01Z"), "2026-01-11T02:30:01Z", true, true, 24*time.Hour + 50*time.Minute + time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			l := Overdue(daily(t, "dump"), c.st, at(t, c.now))
			assert.Equal(t, c.overdue, l.Overdue)
			assert.Equal(t, c.alarm, l.Alarm)
			assert.Equal(t, c.lag, l.Lag)
		})
	}
}

func TestValidate(t *testing.T) {
	err := Validate([]Job{{}, {Name: "a"}, {Name: "a"}, {Name: "b", Line: line(t, "@daily", "UTC")}, {Name: "c", Line: line(t, "@daily", "UTC"), Do: nothing}})
	for _, want := range []string{"no name", `two jobs are called "a"`, `"a" has no cron line`, `"b" has nothing to do`, `"c" has 0 attempts`} {
		assert.ErrorContains(t, err, want)
	}
	assert.NoError(t, Validate([]Job{daily(t, "a"), daily(t, "b")}))
}
