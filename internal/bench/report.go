package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
)

// Row is one measured thing: its numbers in every round, and its peer's name.
type Row struct {
	Scene  string  `json:"scene"`
	Name   string  `json:"name"`
	Unit   string  `json:"unit"`
	Median float64 `json:"median"`
	Spread float64 `json:"spread"` // lowest to highest, as a part of the median
	Peer   string  `json:"peer,omitempty"`
	Ratio  float64 `json:"ratio,omitempty"` // to the peer, of the same rounds
	Rounds Sample  `json:"rounds"`
}

// row makes a row of a sample, with the ratio to a peer if there is one.
func row(scene, name, unit string, s Sample, peer string, p Sample) Row {
	r := Row{Scene: scene, Name: name, Unit: unit, Median: s.Median(), Spread: s.Spread(), Rounds: s}
	// Of two that are nothing there is no ratio, and neither of one and nothing.
	if ratio := s.Ratio(p); p != nil && !math.IsNaN(ratio) && !math.IsInf(ratio, 0) {
		r.Peer, r.Ratio = peer, ratio
	}
	if math.IsNaN(r.Spread) || math.IsInf(r.Spread, 0) {
		r.Spread = 0 // see Row.spread
	}
	return r
}

// Write renders rows for people, or as JSON.
func Write(w io.Writer, rows []Row, format string) error {
	if format == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(rows)
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	scene := ""
	for _, r := range rows {
		if r.Scene != scene {
			if scene = r.Scene; scene != rows[0].Scene {
				_, _ = fmt.Fprintln(tw) // the error is the Flush's
			}
			_, _ = fmt.Fprintf(tw, "%s\t\t\t\t\n", scene)
		}
		ratio := ""
		if r.Peer != "" {
			ratio = fmt.Sprintf("%.2f of %s", r.Ratio, r.Peer)
		}
		_, _ = fmt.Fprintf(tw, "  %s\t%s %s\t%s\t%s\n", r.Name, number(r.Median), r.Unit, r.spread(), ratio)
	}
	return tw.Flush()
}

// spread is for people. A part of a median of nothing is no number, so that it names the rounds.
func (r Row) spread() string {
	if r.Median == 0 && len(r.Rounds) > 0 && slices.Max(r.Rounds) > 0 {
		return number(slices.Min(r.Rounds)) + " to " + number(slices.Max(r.Rounds))
	}
	return fmt.Sprintf("±%.0f %%", 50*r.Spread)
}

// number has three significant digits or all of the whole part.
func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
