package plot

import (
	"fmt"
	"html/template"
	"strings"
	"time"
)

// Point is one value of a series.
type Point struct {
	At    time.Time
	Value float64 // not negative
	Bad   bool    // drawn in the colour of failure, with a cross in place of a dot
	Note  string  // more for the title of the point
}

// Series is values over time, oldest first.
type Series struct {
	Name   string
	Points []Point
}

// Chart is a plot of lines with one axis.
type Chart struct {
	Title  string               // what it shows, for a person who only hears it
	Format func(float64) string // a value with its unit; nil writes the number
	Limit  float64              // a line that values should stay below; 0 is none
	Series []Series
}

// Line draws series over time. Without any point it says so in words.
func Line(c Chart) template.HTML {
	from, to, high, n := c.bounds()
	if n == 0 {
		return "<p class=\"plot-none\">" + escape(c.Title) + ": nothing to show yet.</p>"
	}
	format := c.Format
	if format == nil {
		format = func(v float64) string { return fmt.Sprintf("%g", v) }
	}
	top := topTick(max(high, c.Limit))
	x := func(at time.Time) float64 { return share(at, from, to) }
	y := func(v float64) float64 { return 100 - 100*min(max(v, 0)/top, 1) }

	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="plot line" role="img" aria-label="%s">`, escape(c.name(from, to, format)))
	for i := range 3 {
		v := top * float64(i) / 2
		fmt.Fprintf(&b, `<line class="grid" x1="0" x2="100%%" y1="%.2f%%" y2="%.2f%%"/><text x="-8" y="%.2f%%" dy="4" text-anchor="end">%s</text>`,
			y(v), y(v), y(v), escape(format(v)))
	}
	writeTicks(&b, from, to, 16)
	if c.Limit > 0 {
		fmt.Fprintf(&b, `<line class="limit" x1="0" x2="100%%" y1="%.2f%%" y2="%.2f%%"><title>limit: %s</title></line>`, y(c.Limit), y(c.Limit), escape(format(c.Limit)))
	}
	b.WriteString(`<svg width="100%" height="100%" viewBox="0 0 100 100" preserveAspectRatio="none" overflow="visible">`)
	for i, s := range c.Series {
		var points []string
		for _, p := range s.Points {
			points = append(points, fmt.Sprintf("%.2f,%.2f", x(p.At), y(p.Value)))
		}
		if len(points) > 1 {
			fmt.Fprintf(&b, `<polyline class="path s%d" points="%s"/>`, i%colours, strings.Join(points, " "))
		}
	}
	b.WriteString(`</svg>`)
	for i, s := range c.Series {
		for _, p := range s.Points {
			title := strings.TrimSuffix(fmt.Sprintf("%s: %s, %s; %s", s.Name, format(p.Value), stamp(p.At), p.Note), "; ")
			class, r := fmt.Sprintf("f%d", i%colours), 3
			if p.Bad {
				class, r = "bad", 5
			}
			fmt.Fprintf(&b, `<circle class="%s" cx="%.2f%%" cy="%.2f%%" r="%d"><title>%s</title></circle>`, class, x(p.At), y(p.Value), r, escape(title))
		}
	}
	b.WriteString(`</svg>`)
	if len(c.Series) > 1 {
		var names []string
		for _, s := range c.Series {
			names = append(names, s.Name)
		}
		b.WriteString(string(key(names)))
	}
	return template.HTML(b.String())
}

// bounds are the first and the last moment, the highest value, and how many points there are.
func (c Chart) bounds() (from, to time.Time, high float64, n int) {
	for _, s := range c.Series {
		for _, p := range s.Points {
			if n == 0 || p.At.Before(from) {
				from = p.At
			}
			if n == 0 || p.At.After(to) {
				to = p.At
			}
			high = max(high, p.Value)
			n++
		}
	}
	return from, to, high, n
}

// name says in words what the picture shows: from when to when, and where each line ends.
func (c Chart) name(from, to time.Time, format func(float64) string) string {
	text := fmt.Sprintf("%s, %s to %s.", c.Title, stamp(from), stamp(to))
	for _, s := range c.Series {
		if n := len(s.Points); n > 0 {
			bad := 0
			for _, p := range s.Points {
				if p.Bad {
					bad++
				}
			}
			text += fmt.Sprintf(" %s: %d values, the last %s", s.Name, n, format(s.Points[n-1].Value))
			if bad > 0 {
				text += fmt.Sprintf(", %d failed", bad)
			}
			text += "."
		}
	}
	return text
}
