package physical

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"drydock/internal/run"
)

// Window is what a backup can be restored to.
type Window struct {
	From     time.Time `json:"from"`  // when the backup ended
	Until    time.Time `json:"until"` // when the last segment that follows without a gap was archived, or last added to by the receiver
	Timeline uint32    `json:"timeline"`
	Whole    bool      `json:"whole"`         // the log that it needs to be consistent is there
	Gap      string    `json:"gap,omitempty"` // the first segment that is missing although there are later ones
	Names    []string  `json:"-"`             // the segments, in order
	segments []Segment
}

// path is the window of a backup along a timeline; false when that one does not lead on from
// the backup.
func (a Archive) path(b Backup, t Timeline) (w Window, ok bool) {
	first, ok1 := parseSegment(b.StartWAL)
	last, ok2 := parseSegment(b.StopWAL)
	if !ok1 || !ok2 {
		return w, false
	}
	line := append(slices.Clone(t.Parents), Ancestor{ID: t.ID, Switch: 1<<64 - 1})
	on := slices.IndexFunc(line, func(p Ancestor) bool { return p.ID == last.Timeline })
	// At the place of the switch the log belongs to both; a backup that ended there may have
	// ended after it.
	if on < 0 || last.at() >= line[on].Switch && line[on].ID != t.ID {
		return w, false
	}
	w = Window{From: b.Stop, Until: b.Stop, Timeline: t.ID}
	furthest := uint64(0)
	for _, s := range a.Segments {
		if slices.ContainsFunc(line, func(p Ancestor) bool { return p.ID == s.Timeline && s.at() <= p.Switch }) {
			furthest = max(furthest, s.at())
		}
	}
	find := func(at uint64) (Segment, bool) {
		// The newest timeline that has it: after a switch the old one's segment is not continued.
		for i := len(line) - 1; i >= 0; i-- {
			if i > 0 && at < line[i-1].Switch {
				continue
			}
			s := Segment{Timeline: line[i].ID, Log: uint32(at >> 32), Seg: uint32(at)}
			if got, ok := a.Segments[s.Name()]; ok && at <= line[i].Switch {
				return got, true
			}
		}
		return Segment{}, false
	}
	at := first.at()
	for {
		s, ok := find(at)
		if !ok {
			// Over the end of a log?
			if next := (at>>32 + 1) << 32; uint32(at) != 0 && follows(at-1, next) {
				if s, ok = find(next); ok {
					at = next
				}
			}
		}
		if !ok {
			break
		}
		w.Names, w.segments = append(w.Names, s.Name()), append(w.segments, s)
		if s.Time.After(w.Until) {
			w.Until = s.Time
		}
		w.Whole = w.Whole || at == last.at() && !s.Partial
		at++
		if s.Partial {
			break // a recovery ends where it was filled to, whatever there is later
		}
	}
	if furthest >= at && furthest > 0 {
		missing := Segment{Timeline: t.ID, Log: uint32(at >> 32), Seg: uint32(at)}
		w.Gap = missing.Name()
	}
	return w, true
}

// newestFirst are the timelines in the order in which they were last written to. The number alone
// does not say where the database is: a restore in its place that was taken back left a
// timeline with a higher one.
func (a Archive) newestFirst() []Timeline {
	last := map[uint32]time.Time{}
	for _, t := range a.Timelines {
		last[t.ID] = t.Created
	}
	for _, s := range a.Segments {
		if s.Time.After(last[s.Timeline]) {
			last[s.Timeline] = s.Time
		}
	}
	list := slices.Clone(a.Timelines)
	slices.SortFunc(list, func(x, y Timeline) int {
		return cmp.Or(last[y.ID].Compare(last[x.ID]), cmp.Compare(y.ID, x.ID))
	})
	return list
}

// Window is what a backup can be restored to along the newest timeline that leads on from it.
func (a Archive) Window(b Backup) Window {
	for _, t := range a.newestFirst() {
		if w, ok := a.path(b, t); ok {
			return w
		}
	}
	return Window{From: b.Stop, Until: b.Stop}
}

// at is the window along the timeline on which the database was at a time: what was written
// before a recovery is on the one before, and stays reachable. Of those that were begun by then
// it is the last one that goes so far.
func (a Archive) at(b Backup, when time.Time) (Window, bool) {
	for _, t := range slices.Backward(a.Timelines) {
		if t.Created.After(when) {
			continue
		}
		if w, ok := a.path(b, t); ok && w.Whole && !when.After(w.Until) {
			return w, true
		}
	}
	return Window{}, false
}

// Target is what to restore.
type Target struct {
	Backup   Backup
	Window   Window
	Time     time.Time // zero: Immediate says whether the backup's own end or all of the log
	Now      bool      // the state at the end of the backup
	Segments []string  // of the log that has to be fetched from the repository, in order
	Received []string  // the rest of them, which only a receiver has (see Archive.With)

	// Histories are all timelines that the archive knows: the one that begins when the recovery
	// ends gets a number that none of them has.
	Histories []uint32
}

func (a Archive) histories() (ids []uint32) {
	for _, t := range a.Timelines {
		if t.ID > 1 && !t.Received {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

// take puts the first segments of the window on the lists of who has them.
func (t *Target) take(n int) {
	for _, s := range t.Window.segments[:n] {
		if s.Received {
			t.Received = append(t.Received, s.Name())
		} else {
			t.Segments = append(t.Segments, s.Name())
		}
	}
}

// slack is how much the clock that dates segments and the database's may differ.
const slack = 10 * time.Minute

// Choose decides how to get to a time: from the newest good backup before it. The error is a
// refusal that says which times there are.
func Choose(backups []Backup, archives map[int]Archive, when time.Time, zone *time.Location) (Target, error) {
	for _, b := range slices.Backward(backups) {
		if b.Stop.After(when) {
			continue
		}
		w, ok := archives[b.Cluster].at(b, when)
		if !ok {
			continue
		}
		t := Target{Backup: b, Window: w, Time: when, Histories: archives[b.Cluster].histories()}
		enough := len(w.segments)
		for i, s := range w.segments {
			if s.Time.After(when.Add(slack)) && Reaches(w.Names[:i+1], b) {
				enough = i + 1
				break
			}
		}
		t.take(enough)
		return t, nil
	}
	return Target{}, run.WithCode(run.CodeBadInput, fmt.Errorf("restoring to %s: that time is outside of what can be restored to: %s",
		when.In(zone).Format(exact), ranges(backups, archives, zone)))
}

// Reaches says whether the segments make a backup consistent.
func Reaches(names []string, b Backup) bool {
	want, _ := parseSegment(b.StopWAL)
	return slices.ContainsFunc(names, func(n string) bool { s, ok := parseSegment(n); return ok && s.at() >= want.at() })
}

// Latest restores all of the log, on the timeline where the database is: newer backups of one that
// a restore left do not lead there.
func Latest(backups []Backup, archives map[int]Archive) (Target, bool) {
	for _, newest := range slices.Backward(backups) { // the database that has the repository
		a := archives[newest.Cluster]
		for _, line := range a.newestFirst() {
			for _, b := range slices.Backward(backups) {
				if w, ok := a.path(b, line); b.Cluster == newest.Cluster && ok && w.Whole {
					t := Target{Backup: b, Window: w, Histories: a.histories()}
					t.take(len(w.segments))
					return t, true
				}
			}
		}
	}
	return Target{}, false
}

// Exactly restores the state at the end of a backup.
func Exactly(b Backup, a Archive) (Target, error) {
	w := a.Window(b)
	if !w.Whole {
		return Target{}, fmt.Errorf("restoring backup %s: the log from %s to %s, without which it is not consistent, is not all in the archive; choose another backup, `backup:list` shows them", b.Label, b.StartWAL, b.StopWAL)
	}
	t := Target{Backup: b, Window: w, Now: true, Histories: a.histories()}
	want, _ := parseSegment(b.StopWAL)
	enough := slices.IndexFunc(w.segments, func(s Segment) bool { return s.at() >= want.at() })
	t.take(enough + 1) // it is there: the window is whole
	return t, nil
}

// Form is how a time is shown and, with its offset, given.
const Form = "2006-01-02 15:04:05 -07:00"

// exact is Form with the part of a second, where it says which of two times is the later one.
const exact = "2006-01-02 15:04:05.999 -07:00"

// ranges tells the stretches of time that can be restored to.
func ranges(backups []Backup, archives map[int]Archive, zone *time.Location) string {
	var list []Window
	for _, b := range backups {
		a := archives[b.Cluster]
		for _, t := range a.Timelines {
			if w, ok := a.path(b, t); ok && w.Whole {
				list = append(list, w)
			}
		}
	}
	if len(list) == 0 {
		return "there is no physical backup yet; make one: backup:full"
	}
	slices.SortFunc(list, func(x, y Window) int { return x.From.Compare(y.From) })
	joined := list[:1]
	for _, w := range list[1:] {
		if end := &joined[len(joined)-1]; !w.From.After(end.Until) {
			if w.Until.After(end.Until) {
				end.Until = w.Until
			}
			continue
		}
		joined = append(joined, w)
	}
	var text []string
	for _, w := range joined {
		text = append(text, fmt.Sprintf("from %s to %s", w.From.In(zone).Format(exact), w.Until.In(zone).Format(exact)))
	}
	return strings.Join(text, ", and ")
}

// ParseTime reads the time of AT, which must have its offset: one without would be another
// moment for whoever reads it in another zone (pgbackrest 2452).
func ParseTime(text string) (time.Time, error) {
	for _, form := range []string{"2006-01-02 15:04:05Z07", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 Z07", "2006-01-02 15:04:05 Z07:00",
		"2006-01-02 15:04:05Z0700", time.RFC3339, "2006-01-02 15:04Z07", "2006-01-02 15:04Z07:00", "2006-01-02 15:04 Z07:00"} {
		if t, err := time.Parse(form, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, run.WithCode(run.CodeBadInput, fmt.Errorf("the time %q: write it with its offset from UTC, as in 2026-01-31 12:00:00+08, or 2026-01-31T04:00:00Z; or `latest`", text))
}
