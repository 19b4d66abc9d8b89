package physical

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/run"
)

func at(minute int) time.Time { return time.Date(2026, 1, 31, 12, minute, 0, 0, time.UTC) }

// line makes segments 1, 2, ... on a timeline, archived in the minutes of their numbers.
func line(a *Archive, timeline uint32, from, to int) {
	for n := from; n <= to; n++ {
		s := Segment{Timeline: timeline, Seg: uint32(n), Time: at(n)}
		a.Segments[s.Name()] = s
	}
}

func seg(timeline uint32, n int) string { return Segment{Timeline: timeline, Seg: uint32(n)}.Name() }

func backup(label string, timeline uint32, n int) Backup {
	return Backup{Label: label, Cluster: 1, Start: at(n), Stop: at(n), StartWAL: seg(timeline, n), StopWAL: seg(timeline, n)}
}

func one() Archive { return Archive{Segments: map[string]Segment{}, Timelines: []Timeline{{ID: 1}}} }

func TestAWindowEndsAtTheFirstGap(t *testing.T) {
	a := one()
	line(&a, 1, 1, 20)
	b := backup("F", 1, 3)
	w := a.Window(b)
	assert.Equal(t, [2]time.Time{at(3), at(20)}, [2]time.Time{w.From, w.Until})
	assert.True(t, w.Whole)
	assert.Empty(t, w.Gap)
	delete(a.Segments, seg(1, 11))
	w = a.Window(b)
	assert.Equal(t, at(10), w.Until)
	assert.Equal(t, seg(1, 11), w.Gap)
	delete(a.Segments, seg(1, 3))
	assert.False(t, a.Window(b).Whole, "without the log that was written while it was made it is worth nothing")
}

func TestHolesOfTheLog(t *testing.T) {
	full, incremental := backup("F", 1, 3), backup("F_I", 1, 12)
	holes := func(lost ...int) (list []string) {
		a := one()
		line(&a, 1, 1, 20)
		for _, n := range lost {
			delete(a.Segments, seg(1, n))
		}
		for _, d := range Holes([]Backup{full, incremental}, map[int]Archive{1: a}) {
			list = append(list, d.Reason)
		}
		return list
	}
	assert.Empty(t, holes())
	assert.Empty(t, holes(7), "between the two: the newer one goes on after it")
	assert.Empty(t, holes(20), "the end of the log")
	assert.Equal(t, []string{"the log after backup F_I lacks " + seg(1, 15) + ", and goes on after it"}, holes(15))
	assert.Equal(t, []string{"the log that makes backup F consistent is missing"}, holes(3))
	assert.Empty(t, Holes(nil, nil))
}

func TestTheLogCountsOn(t *testing.T) {
	a := one()
	for _, s := range []Segment{{Timeline: 1, Log: 0, Seg: 0xFE}, {Timeline: 1, Log: 0, Seg: 0xFF}, {Timeline: 1, Log: 1, Seg: 0}} {
		s.Time = at(int(s.Seg%8) + 20)
		a.Segments[s.Name()] = s
	}
	b := Backup{StartWAL: "0000000100000000000000FE", StopWAL: "0000000100000000000000FF", Stop: at(1)}
	assert.Len(t, a.Window(b).Names, 3)
	assert.True(t, follows(0x3F, 1<<32), "segments of 64 MB")
	assert.False(t, follows(0x3E, 1<<32))
}

func TestAPointInTime(t *testing.T) {
	a := one()
	line(&a, 1, 1, 40)
	backups := []Backup{backup("F", 1, 3), backup("F_I", 1, 10)}
	archives := map[int]Archive{1: a}

	got, err := Choose(backups, archives, at(5), time.UTC)
	require.NoError(t, err)
	assert.Equal(t, "F", got.Backup.Label)
	assert.Equal(t, seg(1, 16), got.Segments[len(got.Segments)-1], "with some more, since clocks differ")
	got, err = Choose(backups, archives, at(10), time.UTC)
	require.NoError(t, err)
	assert.Equal(t, "F_I", got.Backup.Label)

	for _, when := range []time.Time{at(2), at(41)} {
		_, err = Choose(backups, archives, when, time.FixedZone("", 8*3600))
		require.ErrorContains(t, err, "from 2026-01-31 20:03:00 +08:00 to 2026-01-31 20:40:00 +08:00")
		assert.Equal(t, run.CodeBadInput, run.Code(err))
	}
	_, err = Choose(nil, nil, at(2), time.UTC)
	require.ErrorContains(t, err, "backup:full")
}

// After a recovery to minute 10, made in minute 20, the log goes on on timeline 2; what was
// written on timeline 1 between 10 and 20 can still be had.
func TestTimelines(t *testing.T) {
	a := one()
	line(&a, 1, 1, 18)
	a.Timelines = append(a.Timelines, Timeline{ID: 2, Created: at(20), Parents: []Ancestor{{ID: 1, Switch: 10}}})
	for n := 10; n <= 30; n++ {
		s := Segment{Timeline: 2, Seg: uint32(n), Time: at(n + 11)}
		a.Segments[s.Name()] = s
	}
	before, lost, after := backup("F1", 1, 3), backup("F2", 1, 15), backup("F3", 2, 12)
	after.Start, after.Stop = at(23), at(23)
	archives := map[int]Archive{1: a}
	all := []Backup{before, lost, after}

	w := a.Window(before)
	assert.Equal(t, uint32(2), w.Timeline)
	assert.Equal(t, []string{seg(1, 9), seg(2, 10)}, w.Names[6:8], "the place of the switch is taken from the new timeline")
	assert.Equal(t, uint32(1), a.Window(lost).Timeline, "nothing leads from it to timeline 2")

	for when, want := range map[int]struct {
		label    string
		timeline uint32
	}{9: {"F1", 1}, 14: {"F1", 1}, 16: {"F2", 1}, 21: {"F1", 2}, 35: {"F3", 2}} {
		got, err := Choose(all, archives, at(when), time.UTC)
		require.NoError(t, err, when)
		assert.Equal(t, want.label, got.Backup.Label, when)
		assert.Equal(t, want.timeline, got.Window.Timeline, when)
	}
	latest, ok := Latest(all, archives)
	require.True(t, ok)
	assert.Equal(t, "F3", latest.Backup.Label)
	assert.Equal(t, "2", latest.timeline())
	latest, ok = Latest(all[:2], archives)
	require.True(t, ok)
	assert.Equal(t, "F1", latest.Backup.Label, "the newer one is of the timeline that was left")
	assert.Equal(t, uint32(2), latest.Window.Timeline)
	exact, err := Exactly(lost, a)
	require.NoError(t, err)
	assert.Equal(t, "current", exact.timeline(), "and can be had by its name")
}

// A recovery to minute 10, made in minute 20, was taken back in minute 25: the log goes on on
// timeline 1.
func TestARecoveryThatWasTakenBack(t *testing.T) {
	a := one()
	line(&a, 1, 1, 18)
	a.Timelines = append(a.Timelines, Timeline{ID: 2, Created: at(20), Parents: []Ancestor{{ID: 1, Switch: 10}}})
	for n, minute := range map[int]int{10: 21, 11: 22} {
		s := Segment{Timeline: 2, Seg: uint32(n), Time: at(minute)}
		a.Segments[s.Name()] = s
	}
	for n := 19; n <= 30; n++ {
		s := Segment{Timeline: 1, Seg: uint32(n), Time: at(n + 8)}
		a.Segments[s.Name()] = s
	}
	archives, all := map[int]Archive{1: a}, []Backup{backup("F1", 1, 3), backup("F2", 1, 15)}
	latest, ok := Latest(all, archives)
	require.True(t, ok)
	assert.Equal(t, "F2", latest.Backup.Label)
	assert.Equal(t, uint32(1), latest.Window.Timeline)
	assert.Equal(t, uint32(1), a.Window(all[0]).Timeline, "where the database is")
	for when, timeline := range map[int]uint32{16: 1, 21: 1, 30: 1} {
		got, err := Choose(all, archives, at(when), time.UTC)
		require.NoError(t, err, when)
		assert.Equal(t, timeline, got.Window.Timeline, when)
	}
	got, err := Choose(all[:1], archives, at(21), time.UTC)
	require.NoError(t, err)
	assert.Equal(t, uint32(2), got.Window.Timeline, "meanwhile it was there")
}

func TestTheStateOfABackupNeedsItsOwnLogOnly(t *testing.T) {
	a := one()
	line(&a, 1, 1, 40)
	b := backup("F", 1, 3)
	b.StopWAL = seg(1, 5)
	got, err := Exactly(b, a)
	require.NoError(t, err)
	assert.Equal(t, []string{seg(1, 3), seg(1, 4), seg(1, 5)}, got.Segments)
	delete(a.Segments, seg(1, 4))
	_, err = Exactly(b, a)
	require.ErrorContains(t, err, "not consistent")
}

func TestHistoryFiles(t *testing.T) {
	got, err := parseHistory("00000003", "1\t0/A0028A0\tno recovery target specified\n\n2\t1/2000000\tbefore 2026-01-31 12:00:00+00\n")
	require.NoError(t, err)
	assert.Equal(t, []Ancestor{{1, 10}, {2, 1<<32 | 2}}, got.Parents)
	_, err = parseHistory("00000003", "nonsense\n")
	require.Error(t, err)
}

func TestATimeNeedsItsOffset(t *testing.T) {
	for _, text := range []string{"2026-01-31 12:00:00+08", "2026-01-31T12:00:00+08:00", "2026-01-31 04:00:00Z", "2026-01-31 12:00:00 +08:00"} {
		got, err := ParseTime(text)
		require.NoError(t, err, text)
		assert.True(t, got.Equal(time.Date(2026, 1, 31, 4, 0, 0, 0, time.UTC)), text)
	}
	_, err := ParseTime("2026-01-31 12:00:00")
	require.ErrorContains(t, err, "offset")
}
