package plot

import (
	"fmt"
	"html/template"
	"strings"
	"time"
)

// Bar is a span of time; with From equal to To it is a mark.
type Bar struct {
	From, To time.Time
	Name     string
	Bad      bool
}

// Lane is one row of a timeline.
type Lane struct {
	Name string
	Bars []Bar // later ones are drawn over earlier ones
}

// Geometry of a lane, in pixels.
const (
	laneHeight = 40
	barTop     = 20
	barHeight  = 12
	markRadius = 5
)

// Timeline draws lanes from one moment to another. What lies outside is cut off.
func Timeline(title string, from, to time.Time, lanes []Lane) template.HTML {
	if len(lanes) == 0 || !to.After(from) {
		return "<p class=\"plot-none\">" + escape(title) + ": nothing to show yet.</p>"
	}
	height := laneHeight * len(lanes)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="plot time" height="%d" role="img" aria-label="%s">`, height+22, escape(fmt.Sprintf("%s, %s to %s. %s", title, stamp(from), stamp(to), laneNames(lanes))))
	for i, lane := range lanes {
		y := i*laneHeight + barTop
		fmt.Fprintf(&b, `<text x="0" y="%d">%s</text><rect class="back" x="0" width="100%%" y="%d" height="%d" rx="3"/>`, y-6, escape(lane.Name), y, barHeight)
		for _, bar := range lane.Bars {
			if bar.To.Before(from) || bar.From.After(to) {
				continue
			}
			class := fmt.Sprintf("f%d", i%colours)
			if bar.Bad {
				class = "bad"
			}
			x1, x2 := share(bar.From, from, to), share(bar.To, from, to)
			if bar.From.Equal(bar.To) {
				fmt.Fprintf(&b, `<circle class="%s" cx="%.2f%%" cy="%d" r="%d"><title>%s</title></circle>`,
					class, x1, y+barHeight/2, markRadius, escape(bar.Name+", "+stamp(bar.From)))
				continue
			}
			fmt.Fprintf(&b, `<rect class="%s" x="%.2f%%" width="%.2f%%" y="%d" height="%d" rx="3"><title>%s</title></rect>`,
				class, x1, max(x2-x1, 0.3), y, barHeight, escape(fmt.Sprintf("%s, %s to %s", bar.Name, stamp(bar.From), stamp(bar.To))))
		}
	}
	writeTicks(&b, from, to, 16)
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}

func laneNames(lanes []Lane) string {
	var parts []string
	for _, l := range lanes {
		parts = append(parts, fmt.Sprintf("%s: %d", l.Name, len(l.Bars)))
	}
	return strings.Join(parts, "; ")
}

// Part is a piece of a whole.
type Part struct {
	Name  string
	Value float64 // not negative
}

// Parts draws one bar of pieces side by side. total is what the whole width stands for; with
// 0 it is their sum.
func Parts(title string, total float64, format func(float64) string, parts []Part) template.HTML {
	sum := 0.0
	for _, p := range parts {
		sum += max(p.Value, 0)
	}
	total = max(total, sum)
	if total <= 0 {
		return "<p class=\"plot-none\">" + escape(title) + ": nothing to show yet.</p>"
	}
	var names []string
	for _, p := range parts {
		names = append(names, p.Name+" "+format(p.Value))
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="plot parts" role="img" aria-label="%s"><rect class="back" width="100%%" height="100%%" rx="3"/>`, escape(title+": "+strings.Join(names, ", ")))
	x := 0.0
	for i, p := range parts {
		w := 100 * max(p.Value, 0) / total
		fmt.Fprintf(&b, `<rect class="f%d" x="%.2f%%" width="%.2f%%" height="100%%"><title>%s</title></rect>`, i%colours, x, w, escape(names[i]))
		x += w
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}

// Key is the legend of names, in the order of their colours.
func Key(names ...string) template.HTML { return key(names) }

func key(names []string) template.HTML {
	var b strings.Builder
	b.WriteString(`<ul class="plot-key">`)
	for i, n := range names {
		fmt.Fprintf(&b, `<li><svg aria-hidden="true"><rect class="f%d" width="12" height="12" rx="2"/></svg>%s</li>`, i%colours, escape(n))
	}
	b.WriteString(`</ul>`)
	return template.HTML(b.String())
}
