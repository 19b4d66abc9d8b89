package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
)

// Row is one measured thing: its numbers in every round, and its peer's name. A row has a peer
// or the reason why it has none.
type Row struct {
	Scene  string  `json:"scene"`
	Name   string  `json:"name"`
	Unit   string  `json:"unit"`
	Median float64 `json:"median"`
	Spread float64 `json:"spread"` // lowest to highest, as a part of the median
	Peer   string  `json:"peer,omitempty"`
	Ratio  float64 `json:"ratio,omitempty"` // to the peer, of the same rounds
	Alone  string  `json:"alone,omitempty"` // why there is no peer
	Bound  *Bound  `json:"bound,omitempty"` // of the ratio, see Judge
	Rounds Sample  `json:"rounds"`
}

// row makes a row of a sample, with the ratio to a peer.
func row(scene, name, unit string, s Sample, peer string, p Sample) Row {
	r := Row{Scene: scene, Name: name, Unit: unit, Median: s.Median(), Spread: s.Spread(), Rounds: s}
	// Of two that are nothing there is no ratio, and neither of one and nothing.
	switch ratio := s.Ratio(p); {
	case len(s) == 0 || len(p) == 0: // a slip, which Page refuses
	case peer == name:
		r.Peer, r.Ratio = peer, 1
	case math.IsNaN(ratio):
		r.Alone = "no ratio: both are nothing"
	case math.IsInf(ratio, 0):
		r.Alone = "no ratio: the peer is nothing"
	default:
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
		_, _ = fmt.Fprintf(tw, "  %s\t%s %s\t%s\t%s\n", r.Name, number(r.Median), r.Unit, r.spread(), r.against(""))
	}
	return tw.Flush()
}

// spread is for people. A part of a median of nothing is no number, so that it names the rounds,
// and what was measured once has none.
func (r Row) spread() string {
	switch {
	case len(r.Rounds) == 1 && r.Scene == sizeScene:
		return "one size"
	case len(r.Rounds) == 1:
		return "one run"
	case r.Median == 0 && len(r.Rounds) > 0 && slices.Max(r.Rounds) > 0:
		return number(slices.Min(r.Rounds)) + " to " + number(slices.Max(r.Rounds))
	}
	return fmt.Sprintf("±%.0f %%", 50*r.Spread)
}

// against is what a table says of the peer, whose name stands in quotes.
func (r Row) against(quote string) string {
	text := r.Alone
	switch r.Peer {
	case "":
	case r.Name:
		text = "the peer"
	default:
		text = fmt.Sprintf("%.2f of %s%s%s", r.Ratio, quote, r.Peer, quote)
	}
	if r.Bound != nil {
		text += "; " + r.Bound.String()
	}
	return text
}

// unpaired names the rows whose numbers would say nothing: with neither a peer nor a reason, or
// with a peer that is not beside them.
func unpaired(rows []Row) error {
	var errs []error
	for _, r := range rows {
		switch {
		case r.Peer == "" && r.Alone == "":
			errs = append(errs, fmt.Errorf("%s: %s has no peer, and no reason is given", r.Scene, r.Name))
		case r.Peer != "" && !slices.ContainsFunc(rows, func(p Row) bool { return p.Scene == r.Scene && p.Name == r.Peer }):
			errs = append(errs, fmt.Errorf("%s: the peer of %s, %s, is not in the table", r.Scene, r.Name, r.Peer))
		}
	}
	return errors.Join(errs...)
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
