package plot

import (
	"fmt"
	"html/template"
	"strings"
	"time"
)

// escape is for text and for attributes in double quotes.
func escape(s string) template.HTML { return template.HTML(template.HTMLEscapeString(s)) }

// stamp is a moment in UTC, to the minute.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") + " UTC" }

// share is where a moment lies between two others, in percent; the middle when they are one.
func share(at, from, to time.Time) float64 {
	span := to.Sub(from)
	if span <= 0 {
		return 50
	}
	return 100 * min(max(float64(at.Sub(from))/float64(span), 0), 1)
}

// writeTicks writes the labels of the time axis, below the picture. Those at the edges stay inside.
func writeTicks(b *strings.Builder, from, to time.Time, below int) {
	for _, t := range timeTicks(from, to) {
		x := share(t.at, from, to)
		anchor := "middle"
		switch {
		case x < 10:
			anchor = "start"
		case x > 85:
			anchor = "end"
		}
		fmt.Fprintf(b, `<text x="%.2f%%" y="100%%" dy="%d" text-anchor="%s">%s</text>`, x, below, anchor, escape(t.label))
	}
}
