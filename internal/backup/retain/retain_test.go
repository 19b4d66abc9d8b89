package retain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/backup/store"
	"drydock/internal/testkit"
)

var (
	now  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	dump = Series{Kind: "dump", Database: "app"}
)

const day = 24 * time.Hour

// one makes a good full backup; the id is its number.
func one(seq uint64, at time.Time) Backup {
	return Backup{ID: fmt.Sprint(seq), Series: dump, Sequence: seq, Time: at, Size: 100, State: Good}
}

func on(seq uint64, parent string, at time.Time) Backup {
	b := one(seq, at)
	b.Parent = parent
	return b
}

func with(b Backup, change func(*Backup)) Backup { change(&b); return b }

func ids(list []Decision) []string {
	all := []string{}
	for _, d := range list {
		all = append(all, d.Backup.ID)
	}
	return all
}

func utc(p Policy) Policy { p.Zone = time.UTC; return p }

func TestPlan(t *testing.T) {
	failed := func(b *Backup) { b.State = Failed }
	damaged := func(b *Backup) { b.State = Damaged }
	proven := func(b *Backup) { b.Proven = true }
	at := func(days float64) time.Time { return now.Add(time.Duration(days * float64(day))) }
	for name, c := range map[string]struct {
		backups []Backup
		policy  Policy
		keep    []string
		refused string
	}{
		"keep last": {
			[]Backup{one(1, at(-3)), one(2, at(-2)), one(3, at(-1))}, Policy{Last: 2}, []string{"3", "2"}, "",
		},
		"the newest proven one stays, and only that": {
			[]Backup{with(one(1, at(-4)), proven), with(one(2, at(-3)), proven), one(3, at(-2)), one(4, at(-1))},
			Policy{Last: 1}, []string{"4", "2"}, "",
		},
		// EnterpriseDB/barman 1081: incrementals counted as redundancy, and the root went.
		"1 full, 2 incrementals, keep 2": {
			[]Backup{one(1, at(-3)), on(2, "1", at(-2)), on(3, "2", at(-1))}, Policy{Last: 2}, []string{"3", "2", "1"}, "",
		},
		"2 chains, keep 2 means both": {
			[]Backup{one(1, at(-9)), one(2, at(-5)), on(3, "2", at(-4)), one(4, at(-3)), on(5, "4", at(-2)), on(6, "4", at(-1))},
			Policy{Last: 2}, []string{"6", "5", "4", "3", "2"}, "",
		},
		"an incremental on an old root after a new full one": {
			[]Backup{one(1, at(-9)), one(2, at(-5)), on(3, "1", at(-4))}, Policy{Last: 1}, []string{"3", "2", "1"}, "",
		},
		// Skyfay/DBackup 154 and pgbackweb 121: failing for weeks, and the good ones went.
		"the newest run failed": {
			[]Backup{one(1, at(-60)), one(2, at(-59)), with(one(3, at(-2)), failed), with(one(4, at(-1)), failed)},
			Policy{Last: 1}, []string{"2", "1"}, "the newest run (4) failed",
		},
		"a run failed, and a later one was good": {
			[]Backup{one(1, at(-3)), with(one(2, at(-2)), failed), one(3, at(-1))}, Policy{Last: 1}, []string{"3"}, "",
		},
		"a running one has no say": {
			[]Backup{one(1, at(-3)), one(2, at(-2)), with(one(3, at(0)), func(b *Backup) { b.State = Running })},
			Policy{Last: 1}, []string{"2"}, "",
		},
		"the newest is damaged": {
			[]Backup{one(1, at(-3)), one(2, at(-2)), with(one(3, at(-1)), damaged)}, Policy{Last: 1}, []string{"3", "2", "1"}, "is damaged",
		},
		"damaged ones take no place and stay": {
			[]Backup{one(1, at(-4)), one(2, at(-3)), with(one(3, at(-2)), damaged), one(4, at(-1))}, Policy{Last: 2}, []string{"4", "3", "2"}, "",
		},
		"a chain with a damaged root is no redundancy": {
			[]Backup{one(1, at(-9)), one(2, at(-8)), with(one(3, at(-7)), damaged), on(4, "3", at(-6)), one(5, at(-1))},
			Policy{Last: 2}, []string{"5", "4", "3", "2"}, "",
		},
		"the newest hangs on a damaged root": {
			[]Backup{one(1, at(-9)), with(one(2, at(-8)), damaged), on(3, "2", at(-1))}, Policy{Last: 1}, []string{"3", "2", "1"}, "make a full backup first",
		},
		"the parent is not here": {
			[]Backup{one(1, at(-9)), on(2, "gone", at(-8)), one(3, at(-7)), one(4, at(-1))}, Policy{Last: 1}, []string{"4", "2"}, "",
		},
		"parents in a circle": {
			[]Backup{on(1, "2", at(-9)), on(2, "1", at(-8)), one(3, at(-7)), one(4, at(-1))}, Policy{Last: 1}, []string{"4", "2", "1"}, "",
		},
		"days without a backup are not counted": {
			[]Backup{one(1, at(-300)), one(2, at(-299)), one(3, at(-299).Add(time.Hour)), one(4, at(-298))}, Policy{Daily: 3}, []string{"4", "3", "1"}, "",
		},
		"the clock was far ahead once": {
			[]Backup{one(1, at(-3)), one(2, at(365*70)), one(3, at(-2)), one(4, at(-1))}, Policy{Last: 2, Daily: 2}, []string{"4", "3", "2"}, "",
		},
		"the battery died: the newest are of 1970": {
			[]Backup{one(1, at(-3)), one(2, at(-2)), one(3, time.Unix(60, 0)), one(4, time.Unix(30, 0))}, Policy{Last: 2}, []string{"4", "3"}, "",
		},
		"our own clock is back in 1970": {
			[]Backup{one(1, now.AddDate(60, 0, -3)), one(2, now.AddDate(60, 0, -2)), one(3, now.AddDate(60, 0, -1))}, Policy{Last: 1}, []string{"3", "2", "1"}, "",
		},
		"one and the same time": {
			[]Backup{one(1, at(-1)), one(2, at(-1)), one(3, at(-1))}, Policy{Last: 2, Daily: 7}, []string{"3", "2"}, "",
		},
		"the size: the oldest go": {
			[]Backup{one(1, at(-3)), one(2, at(-2)), one(3, at(-1))}, Policy{MaxBytes: 250}, []string{"3", "2"}, "",
		},
		"the size: an old chain is shortened from its end": {
			[]Backup{one(1, at(-5)), on(2, "1", at(-4)), on(3, "2", at(-3)), one(4, at(-2)), on(5, "4", at(-1))},
			Policy{Last: 2, MaxBytes: 450}, []string{"5", "4", "2", "1"}, "",
		},
		"the size: what must stay stays": {
			[]Backup{with(one(1, at(-3)), proven), one(2, at(-2)), one(3, at(-1))}, Policy{Last: 9, MaxBytes: 1}, []string{"3", "1"}, "",
		},
		"no rule": {
			[]Backup{one(1, at(-3)), one(2, at(-2))}, Policy{}, []string{"2", "1"}, "the policy keeps nothing",
		},
		"a negative rule": {
			[]Backup{one(1, at(-3)), one(2, at(-2))}, Policy{Last: 1, Weekly: -1}, []string{"2", "1"}, "weekly is -1",
		},
		"only failures": {
			[]Backup{with(one(1, at(-3)), failed)}, Policy{Last: 1}, []string{}, "failed",
		},
		"nothing": {nil, Policy{Last: 1}, []string{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			plan := Plan(c.backups, utc(c.policy), now)
			assert.Equal(t, c.keep, ids(plan.Keep))
			if c.refused == "" {
				assert.Empty(t, plan.Refused)
			} else {
				require.Len(t, plan.Refused, 1)
				assert.Contains(t, plan.Refused[0].Reason, c.refused)
				assert.Empty(t, plan.Remove)
			}
			for _, d := range append(plan.Keep, plan.Remove...) {
				assert.NotEmpty(t, d.Reasons, d.Backup.ID)
			}
		})
	}
	noZone := Plan([]Backup{one(1, at(-3)), one(2, at(-2))}, Policy{Last: 1}, now)
	assert.Contains(t, noZone.Refused[0].Reason, "no time zone")
}

// Days begin in the policy's zone, an hour that a clock change repeats is two hours, and
// one that it leaves out is none.
func TestPeriodsHaveAZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	lordHowe, err := time.LoadLocation("Australia/Lord_Howe")
	require.NoError(t, err)
	at := func(text string) time.Time {
		x, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err)
		return x
	}
	late := []Backup{one(1, at("2026-01-10T22:30:00Z")), one(2, at("2026-01-10T23:30:00Z")), one(3, at("2026-01-11T21:30:00Z"))}
	assert.Equal(t, []string{"3", "2"}, ids(Plan(late, Policy{Daily: 2, Zone: time.UTC}, now).Keep))
	assert.Equal(t, []string{"3", "1"}, ids(Plan(late, Policy{Daily: 2, Zone: berlin}, now).Keep))

	later := at("2027-01-01T00:00:00Z")
	autumn := []Backup{
		one(1, at("2026-10-25T01:30:00+02:00")), one(2, at("2026-10-25T02:30:00+02:00")), one(3, at("2026-10-25T02:30:00+01:00")), one(4, at("2026-10-25T03:30:00+01:00")),
	}
	assert.Equal(t, []string{"4", "3", "2", "1"}, ids(Plan(autumn, Policy{Hourly: 4, Zone: berlin}, later).Keep))
	assert.Equal(t, []string{"4"}, ids(Plan(autumn, Policy{Daily: 4, Zone: berlin}, later).Keep))
	spring := []Backup{one(1, at("2026-03-29T01:30:00+01:00")), one(2, at("2026-03-29T03:00:00+02:00")), one(3, at("2026-03-29T03:30:00+02:00"))}
	assert.Equal(t, []string{"3", "1"}, ids(Plan(spring, Policy{Hourly: 4, Zone: berlin}, later).Keep))
	half := []Backup{one(1, at("2026-04-05T01:45:00+11:00")), one(2, at("2026-04-05T01:45:00+10:30"))}
	assert.Equal(t, []string{"2", "1"}, ids(Plan(half, Policy{Hourly: 4, Zone: lordHowe}, later).Keep))

	// An ISO week that spans two years is one.
	turn := []Backup{one(1, at("2025-12-28T12:00:00Z")), one(2, at("2025-12-31T12:00:00Z")), one(3, at("2026-01-02T12:00:00Z"))}
	assert.Equal(t, []string{"3", "1"}, ids(Plan(turn, Policy{Weekly: 5, Zone: time.UTC}, now).Keep))
}

// Two years of daily backups, pruned each day, leave what grandfather, father and son are for.
func TestTwoYearsDayByDay(t *testing.T) {
	policy := utc(Policy{Last: 3, Daily: 7, Weekly: 5, Monthly: 12, Yearly: 3})
	var have []Backup
	for d := range 730 {
		at := time.Date(2024, 1, 1, 2, 30, 0, 0, time.UTC).AddDate(0, 0, d)
		have = append(have, one(uint64(d+1), at))
		have = survivors(Plan(have, policy, at.Add(time.Minute)))
	}
	assert.Len(t, have, 7+3+11+1, "the rules share what they have in common")
	assert.Equal(t, "2024-12-31", have[len(have)-1].Time.Format(time.DateOnly))
}

func survivors(p Outcome) (left []Backup) {
	for _, d := range p.Keep {
		left = append(left, d.Backup)
	}
	return left
}

// However many runs fail, and however long, the good ones stay; that needs no clock that is
// right. Skyfay/DBackup 154, pgbackweb 121.
func TestAFailingSourceCostsNothing(t *testing.T) {
	policy := utc(Policy{Last: 2, Daily: 3})
	have := []Backup{one(1, now.AddDate(0, 0, -2)), one(2, now.AddDate(0, 0, -1)), one(3, now)}
	for i := range 400 {
		at := now.AddDate(0, 0, i+1)
		fail := with(one(uint64(i+4), at), func(b *Backup) { b.State = Failed })
		plan := Plan(append(survivors(Plan(have, policy, now)), fail), policy, at)
		require.Empty(t, plan.Remove)
		require.Len(t, plan.Keep, 3)
	}
}

// Two databases, keep 7 and keep 2, in one repository: Dokploy 4914.
func TestSeriesAreIndependent(t *testing.T) {
	var a, b []Backup
	for i := range uint64(10) {
		at := now.Add(time.Duration(i) * time.Second)
		a = append(a, with(one(2*i+1, at), func(x *Backup) { x.Series.Database = "app" }))
		b = append(b, with(one(2*i+2, at), func(x *Backup) { x.Series.Database = "app2" }))
	}
	assert.Len(t, Plan(a, utc(Policy{Last: 7}), now).Keep, 7)
	assert.Len(t, Plan(b, utc(Policy{Last: 2}), now).Keep, 2)
	both := Plan(append(a, b...), utc(Policy{Last: 2}), now)
	assert.Equal(t, []string{"19", "17", "20", "18"}, ids(both.Keep))
	b[9].State = Failed
	both = Plan(append(a, b...), utc(Policy{Last: 2}), now)
	assert.Len(t, both.Remove, 8)
	assert.Len(t, both.Refused, 1)
	for _, d := range both.Remove {
		assert.Equal(t, "app", d.Backup.Series.Database)
	}
	// A child in another series is needed as well.
	b = []Backup{with(one(21, now), func(x *Backup) { x.Series.Repository = "2"; x.Parent = "1" })}
	assert.Contains(t, ids(Plan(append(a, b...), utc(Policy{Last: 1}), now).Keep), "1")
}

func TestRendering(t *testing.T) {
	physical := func(b *Backup) { b.Series = Series{Kind: "physical", Repository: "1"} }
	backups := []Backup{
		one(1, now.AddDate(0, 0, -40)), with(one(2, now.AddDate(0, 0, -39)), func(b *Backup) { b.Proven = true }),
		with(one(3, now.AddDate(0, 0, -2)), func(b *Backup) { b.State, b.Size = Damaged, 5<<30 }), one(4, now.AddDate(0, 0, -1)), one(5, now),
		with(one(6, now), physical), with(with(one(7, now), physical), func(b *Backup) { b.State = Failed }),
	}
	plan := Plan(backups, utc(Policy{Last: 1, Daily: 2, MaxBytes: 50}), now)
	zone := time.FixedZone("", 8*3600)
	var text, json bytes.Buffer
	require.NoError(t, plan.Text(&text, zone))
	require.NoError(t, plan.JSON(&json))
	testkit.Golden(t, "plan.text", text.Bytes())
	testkit.Golden(t, "plan.json", json.Bytes())
	text.Reset()
	require.NoError(t, Outcome{}.Text(&text, zone))
	assert.Equal(t, "0 kept (0 B), 0 to be removed (0 B)\n", text.String())
}

func TestApply(t *testing.T) {
	plan := Plan([]Backup{one(1, now), on(2, "1", now), on(3, "2", now), one(4, now)}, utc(Policy{Last: 1}), now)
	var asked []string
	gone, err := Apply(t.Context(), plan, func(_ context.Context, b Backup) error { asked = append(asked, b.ID); return nil })
	require.NoError(t, err)
	assert.Equal(t, []string{"3", "2", "1"}, asked)
	assert.Len(t, gone, 3)

	busy := errors.New("in use")
	gone, err = Apply(t.Context(), plan, func(_ context.Context, b Backup) error {
		if b.ID == "2" {
			return busy
		}
		return nil
	})
	require.ErrorIs(t, err, busy)
	assert.Len(t, gone, 1, "what is needed by one that could not be removed stays")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Apply(ctx, plan, nil)
	assert.ErrorIs(t, err, context.Canceled)
}

func TestFromStore(t *testing.T) {
	at := now
	record := func(id string) store.Record {
		return store.Record{ID: id, Kind: "dump", Database: "app", Started: now, Size: 10, OnDisk: 4096, Verified: &at}
	}
	goodOne := store.Backup{Record: record("000001-20260301T120000Z-aaaaaa"), Marks: store.Marks{Proofs: []store.Proof{{Drill: "d"}}}}
	bad := store.Backup{Record: record("000002-20260301T120000Z-aaaaaa"), Marks: store.Marks{Damaged: &store.Damage{}}}
	got := FromStore([]store.Backup{goodOne, bad},
		[]store.Failure{{Record: record("000003-20260301T120000Z-aaaaaa")}}, []store.Record{record("000004-20260301T120000Z-aaaaaa")})
	require.Len(t, got, 4)
	assert.Equal(t, Backup{ID: goodOne.ID, Series: dump, Sequence: 1, Time: now, Size: 4096, State: Good, Proven: true}, got[0])
	assert.Equal(t, []State{Good, Damaged, Failed, Running}, []State{got[0].State, got[1].State, got[2].State, got[3].State})
}
