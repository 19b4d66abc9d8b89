package schedule

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func line(t testing.TB, text, zone string) Line {
	t.Helper()
	l, err := ParseLine(text, zone)
	require.NoError(t, err)
	return l
}

func at(t testing.TB, text string) time.Time {
	t.Helper()
	x, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return x
}

// between are all times to run in a span, in the line's zone.
func between(l Line, from, to time.Time) []string {
	var all []string
	for x := l.Next(from); !x.IsZero() && x.Before(to); x = l.Next(x) {
		all = append(all, x.Format(time.RFC3339))
	}
	return all
}

// Both change days, on clocks that change by an hour, by half of one, and not at all. A
// job with a fixed time runs once on each; an hourly one goes by the hours that pass.
func TestWhereTheClocksChange(t *testing.T) {
	for name, c := range map[string]struct {
		zone, cron, from, to string
		want                 []string
	}{
		"Berlin, spring: 02:30 does not come": {"Europe/Berlin", "30 2 * * *", "2026-03-28T00:00:00Z", "2026-03-31T00:00:00Z",
			[]string{"2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"}},
		"Berlin, autumn: 02:30 comes twice": {"Europe/Berlin", "30 2 * * *", "2026-10-24T00:00:00Z", "2026-10-27T00:00:00Z",
			[]string{"2026-10-24T02:30:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"}},
		"Berlin, spring: 03:00 is there and runs once": {"Europe/Berlin", "0 2,3 * * *", "2026-03-28T23:00:00Z", "2026-03-29T12:00:00Z",
			[]string{"2026-03-29T03:00:00+02:00"}},
		"Berlin, autumn: 03:00 comes once": {"Europe/Berlin", "0 2,3 * * *", "2026-10-24T22:00:00Z", "2026-10-25T12:00:00Z",
			[]string{"2026-10-25T02:00:00+02:00", "2026-10-25T03:00:00+01:00"}},
		"Berlin, spring: several that are missing are one": {"Europe/Berlin", "*/20 2 * * *", "2026-03-28T23:00:00Z", "2026-03-29T12:00:00Z",
			[]string{"2026-03-29T03:00:00+02:00"}},
		"Berlin, spring: every half hour": {"Europe/Berlin", "*/30 * * * *", "2026-03-29T00:15:00Z", "2026-03-29T02:01:00Z",
			[]string{"2026-03-29T01:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00", "2026-03-29T04:00:00+02:00"}},
		"Berlin, autumn: every half hour": {"Europe/Berlin", "*/30 * * * *", "2026-10-25T00:15:00Z", "2026-10-25T02:01:00Z",
			[]string{"2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T02:30:00+01:00", "2026-10-25T03:00:00+01:00"}},
		"Berlin, a Sunday's job": {"Europe/Berlin", "30 2 * * 0", "2026-03-23T00:00:00Z", "2026-04-06T00:00:00Z",
			[]string{"2026-03-29T03:00:00+02:00", "2026-04-05T02:30:00+02:00"}},
		"New York, spring": {"America/New_York", "30 2 * * *", "2026-03-07T00:00:00Z", "2026-03-10T00:00:00Z",
			[]string{"2026-03-07T02:30:00-05:00", "2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00"}},
		"New York, autumn": {"America/New_York", "30 1 * * *", "2026-10-31T00:00:00Z", "2026-11-03T00:00:00Z",
			[]string{"2026-10-31T01:30:00-04:00", "2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"}},
		"Lord Howe, spring: 02:15 does not come": {"Australia/Lord_Howe", "15 2 * * *", "2026-10-03T00:00:00Z", "2026-10-05T00:00:00Z",
			[]string{"2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"}},
		"Lord Howe, spring: 02:30 comes": {"Australia/Lord_Howe", "30 2 * * *", "2026-10-03T00:00:00Z", "2026-10-05T00:00:00Z",
			[]string{"2026-10-04T02:30:00+11:00", "2026-10-05T02:30:00+11:00"}},
		"Lord Howe, autumn: 01:45 comes twice": {"Australia/Lord_Howe", "45 1 * * *", "2026-04-04T00:00:00Z", "2026-04-06T00:00:00Z",
			[]string{"2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30"}},
		"Lord Howe, autumn: hourly": {"Australia/Lord_Howe", "45 * * * *", "2026-04-04T14:00:00Z", "2026-04-04T16:30:00Z",
			[]string{"2026-04-05T01:45:00+11:00", "2026-04-05T01:45:00+10:30", "2026-04-05T02:45:00+10:30"}},
		"Shanghai never changes": {"Asia/Shanghai", "30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z",
			[]string{"2026-03-29T02:30:00+08:00", "2026-03-30T02:30:00+08:00"}},
		"UTC": {"UTC", "@weekly", "2026-03-28T12:00:00Z", "2026-04-06T12:00:00Z", []string{"2026-03-29T00:00:00Z", "2026-04-05T00:00:00Z"}},
		"Apia left out a whole day": {"Pacific/Apia", "30 2 * * *", "2011-12-29T00:00:00Z", "2012-01-01T00:00:00Z",
			[]string{"2011-12-29T02:30:00-10:00", "2011-12-31T00:00:00+14:00", "2011-12-31T02:30:00+14:00", "2012-01-01T02:30:00+14:00"}},
		"a leap day": {"Europe/Berlin", "0 0 29 2 *", "2026-01-01T00:00:00Z", "2033-01-01T00:00:00Z",
			[]string{"2028-02-29T00:00:00+01:00", "2032-02-29T00:00:00+01:00"}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, between(line(t, c.cron, c.zone), at(t, c.from), at(t, c.to)))
		})
	}
}

// A fixed time runs on every day of the calendar exactly once, in every zone, and from
// wherever one asks.
func TestOnceADay(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, zone := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai", "America/St_Johns", "Africa/Casablanca"} {
		for _, cron := range []string{"30 2 * * *", "15 2 * * *", "0 0 * * *", "45 1 * * *", "59 23 * * *"} {
			l := line(t, cron, zone)
			from := time.Date(2025, 12, 31, 23, 59, 30, 0, l.Zone())
			prev, days := from, 0
			for x := l.Next(from); x.Year() < 2028; x = l.Next(x) {
				days++
				require.Equal(t, prev.AddDate(0, 0, 1).Format(time.DateOnly), x.Format(time.DateOnly), "%s after %s", l, prev)
				// Asked from anywhere between the two, the answer is the same.
				between := prev.Add(time.Duration(r.Int64N(int64(x.Sub(prev)))))
				if days > 1 {
					require.Equal(t, x, l.Next(between), "%s after %s", l, between)
				}
				prev = x
			}
			require.Equal(t, 730, days, "%s", l)
		}
	}
}

func TestLatest(t *testing.T) {
	l := line(t, "30 2 * * *", "UTC")
	last, n := l.Latest(at(t, "2026-01-01T02:30:00Z"), at(t, "2026-01-04T02:29:59Z"))
	assert.Equal(t, 2, n)
	assert.Equal(t, "2026-01-03T02:30:00Z", last.Format(time.RFC3339))
	_, n = l.Latest(at(t, "2026-01-01T02:30:00Z"), at(t, "2026-01-02T02:29:59Z"))
	assert.Zero(t, n)
	_, n = l.Latest(at(t, "2026-01-05T00:00:00Z"), at(t, "2026-01-02T02:30:00Z"))
	assert.Zero(t, n)
	// Ten years of minutes are not walked through.
	last, n = line(t, "* * * * *", "Europe/Berlin").Latest(at(t, "2016-01-01T00:00:00Z"), at(t, "2026-01-01T00:00:30Z"))
	assert.Equal(t, countBound, n)
	assert.Equal(t, "2026-01-01T01:00:00+01:00", last.Format(time.RFC3339))
	last, _ = line(t, "0 3 * * *", "UTC").Latest(at(t, "2016-01-01T00:00:00Z"), at(t, "2026-01-01T00:00:30Z"))
	assert.Equal(t, "2025-12-31T03:00:00Z", last.Format(time.RFC3339))
}

func TestLinesThatAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "empty spec",
		"30 2 * *":              "expected exactly 5 fields",
		"0 30 2 * * *":          "expected exactly 5 fields",
		"61 2 * * *":            "above maximum",
		"0 0 30 2 *":            "never run",
		"@every 1h":             "moves with each restart",
		"@reboot":               "unrecognized descriptor",
		"TZ=UTC 30 2 * * *":     "a setting of its own",
		"CRON_TZ=UTC 0 2 * * *": "a setting of its own",
	} {
		_, err := ParseLine(text, "UTC")
		assert.ErrorContains(t, err, want, text)
	}
	for _, zone := range []string{"", "Local", "Europe/Nowhere", "../etc/passwd"} {
		_, err := ParseLine("@daily", zone)
		assert.ErrorContains(t, err, "UTC or Europe/Berlin", zone)
	}
	assert.Equal(t, "@daily Asia/Shanghai", line(t, "@daily", "Asia/Shanghai").String())
}

// Next never stands still, never goes back, and always ends.
func FuzzNext(f *testing.F) {
	f.Add("30 2 * * *", "Europe/Berlin", int64(1774742400))
	f.Add("*/15 * * * *", "Australia/Lord_Howe", int64(1775314800))
	f.Add("0 0 29 2 1", "America/New_York", int64(0))
	f.Fuzz(func(t *testing.T, text, zone string, from int64) {
		l, err := ParseLine(text, zone)
		if err != nil {
			return
		}
		x := time.Unix(from%(1<<33), 0)
		for range 5 {
			next := l.Next(x)
			if next.IsZero() {
				return
			}
			if !next.After(x) {
				t.Fatalf("%s: %s comes after %s", l, next, x)
			}
			x = next
		}
	})
}
