package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // an image without zoneinfo must not change what a zone's name means

	"github.com/robfig/cron/v3"
)

// Line is a cron line in a time zone.
type Line struct {
	text   string
	zone   *time.Location
	spec   *cron.SpecSchedule
	hourly bool // goes by the hours that pass, not by the clock on the wall
}

// star is how the parser marks a field that was given as `*`.
const star = 1 << 63

// second is what the parser's Next resolves.
const second = time.Second

// ParseLine reads a cron line: minute, hour, day of month, month, day of week (0 is
// Sunday), or @hourly, @daily, @weekly, @monthly, @yearly. The zone is an IANA name.
func ParseLine(text, zone string) (Line, error) {
	fail := func(err error) (Line, error) {
		return Line{}, fmt.Errorf("the cron line %q: %w; give e.g. \"30 2 * * *\"", text, err)
	}
	if strings.Contains(text, "TZ=") {
		return fail(errors.New("the time zone is a setting of its own"))
	}
	if zone == "" || zone == "Local" {
		return Line{}, fmt.Errorf("the cron line %q has no time zone; name one, e.g. UTC or Europe/Berlin", text)
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return Line{}, fmt.Errorf("the cron line %q: %w; give an IANA name, e.g. UTC or Europe/Berlin", text, err)
	}
	parser := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	parsed, err := parser.Parse(text)
	if err != nil {
		return fail(err)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return fail(errors.New("@every counts from the start of the process and so moves with each restart"))
	}
	spec.Location = time.UTC // Next works on what a clock on the wall shows
	l := Line{text: text, zone: loc, spec: spec, hourly: spec.Hour&star != 0}
	if l.spec.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return fail(errors.New("no day is like that, so it would never run"))
	}
	return l, nil
}

// String returns the line with its zone.
func (l Line) String() string { return l.text + " " + l.zone.String() }

// Zone is the zone that the line is read in.
func (l Line) Zone() *time.Location { return l.zone }

// stretches is how many changes of the clocks Next looks across: more than 30 years.
const stretches = 64

// Next is the first time to run after the given one; zero if there is none.
//
// It goes through the stretches between two changes of the clocks. Within one of them the
// wall's clock and the time differ by a constant, so the parser's own Next is right there.
func (l Line) Next(after time.Time) time.Time {
	at := after.In(l.zone)
	from := wall(at, offset(at)) // exclusive
	for range stretches {
		start, end := at.ZoneBounds()
		here := offset(at)
		var again time.Time // what the wall showed when this stretch began: before it, times come a second time
		if !start.IsZero() {
			again = wall(start, offset(start.Add(-second)))
		}
		for n := l.spec.Next(from); !n.IsZero(); n = l.spec.Next(n) {
			t := n.Add(-here)
			if !end.IsZero() && !t.Before(end) {
				break
			}
			if l.hourly || !n.Before(again) {
				return t.In(l.zone)
			}
		}
		if end.IsZero() {
			return time.Time{}
		}
		end = end.In(l.zone)
		there := offset(end)
		if !l.hourly && there > here {
			missing := l.spec.Next(wall(end, here).Add(-second))
			if !missing.IsZero() && missing.Before(wall(end, there)) {
				return end
			}
		}
		at, from = end, wall(end, there).Add(-second)
	}
	return time.Time{}
}

// Latest is the last time to run after the one and not after the other, zero if there is
// none, and how many there were, at most countBound.
func (l Line) Latest(after, until time.Time) (last time.Time, count int) {
	for t := l.Next(after); !t.IsZero() && !t.After(until); t = l.Next(t) {
		last = t
		if count++; count < countBound {
			continue
		}
		// Off for long: don't walk through a year of minutes.
		for _, back := range []time.Duration{time.Hour, 24 * time.Hour, 31 * 24 * time.Hour, 366 * 24 * time.Hour} {
			if near := until.Add(-back); near.After(t) && !l.Next(near).After(until) {
				t = near
				break
			}
		}
		for n := l.Next(t); !n.IsZero() && !n.After(until); n = l.Next(n) {
			last = n
		}
		return last, count
	}
	return last, count
}

const countBound = 1000

func offset(t time.Time) time.Duration {
	_, o := t.Zone()
	return time.Duration(o) * time.Second
}

// wall is what a clock on the wall shows, written down as if it were UTC.
func wall(t time.Time, offset time.Duration) time.Time { return t.UTC().Add(offset) }
