package plot

import (
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var begin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func seconds(v float64) string { return fmt.Sprintf("%.0f s", v) }

// hostile closes everything that it could stand in.
const hostile = `"'></title></svg><script>alert(1)</script>&amp;`

// wellFormed reads it as XML: a quote or bracket that escaped breaks that.
func wellFormed(t *testing.T, h template.HTML) (names []string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader("<r>" + string(h) + "</r>"))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return names
		}
		require.NoError(t, err, "%s", h)
		if e, ok := token.(xml.StartElement); ok {
			names = append(names, e.Name.Local)
			for _, a := range e.Attr {
				assert.NotEqual(t, "style", a.Name.Local, "a style attribute is refused by the page's policy")
				assert.False(t, strings.HasPrefix(a.Name.Local, "on"), "%s", a.Name.Local)
			}
		}
	}
}

func TestNothingHostileGetsOut(t *testing.T) {
	for name, h := range map[string]template.HTML{
		"line": Line(Chart{Title: hostile, Format: func(float64) string { return hostile }, Limit: 3,
			Series: []Series{{hostile, []Point{{At: begin, Value: 1, Note: hostile}, {At: begin.Add(time.Hour), Value: 2, Bad: true}}}, {Name: hostile}}}),
		"empty line":     Line(Chart{Title: hostile}),
		"timeline":       Timeline(hostile, begin, begin.Add(time.Hour), []Lane{{hostile, []Bar{{begin, begin, hostile, false}, {begin, begin.Add(time.Minute), hostile, true}}}}),
		"empty timeline": Timeline(hostile, begin, begin, []Lane{{Name: hostile}}),
		"parts":          Parts(hostile, 0, func(float64) string { return hostile }, []Part{{hostile, 1}}),
		"empty parts":    Parts(hostile, 0, seconds, nil),
		"key":            Key(hostile),
	} {
		t.Run(name, func(t *testing.T) {
			assert.NotContains(t, wellFormed(t, h), "script")
		})
	}
}

func TestLineMarksWhatFailed(t *testing.T) {
	h := string(Line(Chart{Title: "Recovery time", Format: seconds, Limit: 15, Series: []Series{{"all", []Point{
		{At: begin, Value: 0}, {At: begin.Add(time.Hour), Value: 10}, {At: begin.Add(2 * time.Hour), Value: 20, Bad: true, Note: "no disk"}}}}}))
	assert.Contains(t, h, `points="0.00,100.00 50.00,50.00 100.00,0.00"`)
	assert.Contains(t, h, `<circle class="bad" cx="100.00%" cy="0.00%" r="5"><title>all: 20 s, 2026-03-01 14:00 UTC; no disk</title>`)
	assert.Contains(t, h, `aria-label="Recovery time, 2026-03-01 12:00 UTC to 2026-03-01 14:00 UTC. all: 3 values, the last 20 s, 1 failed."`)
	assert.Contains(t, h, "limit: 15 s")
}

func TestOneValueIsInTheMiddle(t *testing.T) {
	h := string(Line(Chart{Title: "One", Series: []Series{{"a", []Point{{At: begin, Value: 3}}}}}))
	assert.Contains(t, h, `cx="50.00%" cy="40.00%"`)
	assert.NotContains(t, h, "polyline")
	assert.NotContains(t, h, "NaN")
}

func TestTimelineCutsOffWhatIsOutside(t *testing.T) {
	end := begin.Add(10 * time.Hour)
	h := string(Timeline("Window", begin, end, []Lane{{"WAL", []Bar{
		{begin.Add(-time.Hour), begin.Add(5 * time.Hour), "half", false},
		{begin.Add(-2 * time.Hour), begin.Add(-time.Hour), "before", false},
		{begin.Add(5 * time.Hour), begin.Add(5 * time.Hour), "mark", true},
	}}}))
	assert.Contains(t, h, `x="0.00%" width="50.00%"`)
	assert.NotContains(t, h, "before")
	assert.Contains(t, h, `<circle class="bad" cx="50.00%"`)
}

func TestPartsFillTheirWhole(t *testing.T) {
	h := string(Parts("Phases", 0, seconds, []Part{{"a", 1}, {"b", 3}, {"broken clock", -1}}))
	assert.Contains(t, h, `x="25.00%" width="75.00%"`)
	assert.Contains(t, h, `x="100.00%" width="0.00%"`)
	assert.Contains(t, string(Parts("Phases", 8, seconds, []Part{{"a", 2}})), `width="25.00%"`)
}

func TestTopTick(t *testing.T) {
	for v, want := range map[float64]float64{0: 1, -1: 1, 0.3: 0.5, 1: 1, 1.01: 2, 7: 10, 10: 10, 120: 200, 2e9: 2e9} {
		assert.InDelta(t, want, topTick(v), want*1e-9, "%g", v)
	}
}

func TestTimeTicksAreFewAndRound(t *testing.T) {
	for span, want := range map[time.Duration][]string{
		0:                 {"Mar 1 12:00"},
		20 * time.Second:  {"12:00:00", "12:00:15"},
		2 * time.Hour:     {"12:00", "13:00", "14:00"},
		36 * time.Hour:    {"Mar 1 12:00", "Mar 2 00:00", "Mar 2 12:00", "Mar 3 00:00"},
		60 * day:          nil,
		100 * 365 * day:   nil,
		290 * 365 * day:   nil,
		3*day + time.Hour: {"Mar 2", "Mar 3", "Mar 4"},
	} {
		var labels []string
		for _, tick := range timeTicks(begin, begin.Add(span)) {
			labels = append(labels, tick.label)
		}
		assert.LessOrEqual(t, len(labels), ticksMax+1, "%s", span)
		assert.NotEmpty(t, labels, "%s", span)
		if want != nil {
			assert.Equal(t, want, labels, "%s", span)
		}
	}
}
