package retain

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// world is a random repository: several series, chains, clocks that step, duplicate and
// future times, damage, failures, and parents that are not there.
func world(r *rand.Rand) []Backup {
	clock := now.Add(-time.Duration(r.IntN(800*24)) * time.Hour)
	series := []Series{{Kind: "dump", Database: "app"}, {Kind: "dump", Database: "app2"}, {Kind: "physical", Repository: "1"}}
	last := map[Series][]string{} // the ids of the current chain
	var all []Backup
	for i := range r.IntN(60) {
		switch r.IntN(20) {
		case 0:
			clock = clock.AddDate(r.IntN(3)-1, r.IntN(13)-6, 0)
		case 1: // stands still
		default:
			clock = clock.Add(time.Duration(r.IntN(72*60)) * time.Minute)
		}
		s := series[r.IntN(len(series))]
		b := Backup{ID: fmt.Sprint(i), Series: s, Sequence: uint64(i + 1), Time: clock, Size: r.Int64N(1000), State: Good, Proven: r.IntN(8) == 0}
		switch n := r.IntN(20); {
		case n < 2:
			b.State = Failed
		case n < 3:
			b.State = Damaged
		case n < 4:
			b.State = Running
		}
		if s.Kind == "physical" && len(last[s]) > 0 && r.IntN(4) > 0 {
			b.Parent = last[s][r.IntN(len(last[s]))]
			if r.IntN(30) == 0 {
				b.Parent = "nowhere"
			}
		} else {
			last[s] = nil
		}
		if b.State == Good || b.State == Damaged {
			last[s] = append(last[s], b.ID)
		}
		all = append(all, b)
	}
	return all
}

func policy(r *rand.Rand) Policy {
	count := func() int { return max(0, r.IntN(9)-3) }
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai"}
	zone, err := time.LoadLocation(zones[r.IntN(len(zones))])
	if err != nil {
		panic(err)
	}
	p := Policy{Last: 1 + count(), Hourly: count(), Daily: count(), Weekly: count(), Monthly: count(), Yearly: count(), Zone: zone}
	if r.IntN(3) == 0 {
		p.MaxBytes = 1 + r.Int64N(20_000)
	}
	return p
}

// restorable says from scratch what the plan must know: is it good, with all it needs?
func restorable(byID map[string]Backup, id string) bool {
	for range len(byID) + 1 {
		b, ok := byID[id]
		if !ok || b.State != Good {
			return false
		}
		if b.Parent == "" {
			return true
		}
		id = b.Parent
	}
	return false
}

func set(list []Decision) map[string]bool {
	all := map[string]bool{}
	for _, d := range list {
		all[d.Backup.ID] = true
	}
	return all
}

// check holds one world, policy and time against what must be true of every plan.
func check(t *testing.T, backups []Backup, p Policy, at time.Time) {
	t.Helper()
	plan := Plan(backups, p, at)
	keep, gone := set(plan.Keep), set(plan.Remove)
	byID := map[string]Backup{}
	newestRun, newestGood, newestProven := map[Series]Backup{}, map[Series]string{}, map[Series]string{}
	roots, keptRoots := map[Series]int{}, map[Series]int{}
	for _, b := range backups {
		byID[b.ID] = b
	}
	for _, b := range backups { // in the order of their numbers
		if b.State != Running {
			newestRun[b.Series] = b
		}
		exists := b.State == Good || b.State == Damaged
		require.Equal(t, exists, keep[b.ID] != gone[b.ID], "%s is decided once", b.ID)
		if !exists {
			continue
		}
		if !restorable(byID, b.ID) {
			require.True(t, keep[b.ID], "%s is not restorable: for a person to look at", b.ID)
			continue
		}
		newestGood[b.Series] = b.ID
		if b.Proven {
			newestProven[b.Series] = b.ID
		}
		if b.Parent == "" && !b.Time.After(at.Add(ahead)) {
			roots[b.Series]++
			if keep[b.ID] {
				keptRoots[b.Series]++
			}
		}
	}
	for s, id := range newestGood {
		require.True(t, keep[id], "newest good of %s", s)
		if p.MaxBytes == 0 {
			require.GreaterOrEqual(t, keptRoots[s], min(p.Last, roots[s]), "redundancy of %s is counted in roots", s)
		}
	}
	for s, id := range newestProven {
		require.True(t, keep[id], "newest proven of %s", s)
	}
	for id := range keep {
		if parent, ok := byID[byID[id].Parent]; ok && (parent.State == Good || parent.State == Damaged) {
			require.True(t, keep[parent.ID], "%s needs %s", id, parent.ID)
		}
	}
	removed := map[string]bool{}
	for _, d := range plan.Remove {
		s := d.Backup.Series
		require.NotEqual(t, Failed, newestRun[s].State, "%s failed last", s)
		require.NotEqual(t, Damaged, newestRun[s].State, "%s is damaged at its end", s)
		require.False(t, d.Backup.Time.After(at.Add(ahead)), "%s is of the future", d.Backup.ID)
		require.False(t, removed[d.Backup.Parent], "%s comes before what it needs", d.Backup.ID)
		removed[d.Backup.ID] = true
	}

	// Planning again after the removal removes nothing.
	left := slices.DeleteFunc(slices.Clone(backups), func(b Backup) bool { return gone[b.ID] })
	require.Empty(t, Plan(left, p, at).Remove, "idempotent")
}

func TestProperties(t *testing.T) {
	for seed := range uint64(cases) {
		func() {
			defer func() { // a failed requirement ends the test from within
				if t.Failed() {
					t.Logf("seed %d", seed)
				}
			}()
			r := rand.New(rand.NewPCG(seed, 1))
			check(t, world(r), policy(r), now)
		}()
	}
}

// A stricter policy keeps a part of what the looser one keeps.
func TestMonotone(t *testing.T) {
	for seed := range uint64(cases) {
		r := rand.New(rand.NewPCG(seed, 2))
		backups, loose := world(r), policy(r)
		strict := loose
		if loose.MaxBytes > 0 {
			strict.MaxBytes = 1 + r.Int64N(loose.MaxBytes)
		} else {
			for _, n := range []*int{&strict.Hourly, &strict.Daily, &strict.Weekly, &strict.Monthly, &strict.Yearly} {
				*n = r.IntN(*n + 1)
			}
			strict.Last = 1 + r.IntN(strict.Last)
		}
		kept := set(Plan(backups, loose, now).Keep)
		for id := range set(Plan(backups, strict, now).Keep) {
			require.True(t, kept[id], "seed %d: %s is kept only by the stricter policy", seed, id)
		}
	}
}

// The order in which backups are given, and the other series, don't matter.
func TestOrderAndOthersDoNotMatter(t *testing.T) {
	for seed := range uint64(cases / 4) {
		r := rand.New(rand.NewPCG(seed, 3))
		backups, p := world(r), policy(r)
		want := Plan(backups, p, now)
		bySeries := map[Series][]Backup{}
		for _, b := range backups {
			bySeries[b.Series] = append(bySeries[b.Series], b)
		}
		alone := map[string]bool{}
		for _, list := range bySeries {
			maps.Copy(alone, set(Plan(list, p, now).Keep))
		}
		require.Equal(t, set(want.Keep), alone, "seed %d", seed)
		r.Shuffle(len(backups), func(i, j int) { backups[i], backups[j] = backups[j], backups[i] })
		require.Equal(t, want, Plan(backups, p, now), "seed %d", seed)
	}
}

// The clock of the machine that plans may be anywhere.
func FuzzPlan(f *testing.F) {
	for _, seed := range []uint64{1, 2, 3} {
		f.Add(seed, int64(0))
		f.Add(seed, int64(-500*24*3600))
		f.Add(seed, now.Unix())
	}
	f.Fuzz(func(t *testing.T, seed uint64, seconds int64) {
		r := rand.New(rand.NewPCG(seed, 4))
		check(t, world(r), policy(r), time.Unix(now.Unix()+seconds%(1<<38), 0)) // years that a date can be written in
	})
}
