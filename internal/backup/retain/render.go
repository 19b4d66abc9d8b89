package retain

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"drydock/internal/backup/store"
)

// Text writes the plan for people, times in the given zone.
func (o Outcome) Text(w io.Writer, zone *time.Location) error {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	if len(o.Keep)+len(o.Remove) > 0 {
		fmt.Fprintln(t, "WHAT\tBACKUP\tSERIES\tTIME\tSIZE\tWHY")
	}
	row := func(what string, d Decision) {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", what, d.Backup.ID, d.Backup.Series,
			d.Backup.Time.In(zone).Format("2006-01-02 15:04:05 -0700"), store.Bytes(d.Backup.Size), strings.Join(d.Reasons, "; "))
	}
	var kept, removed int64
	for _, d := range o.Keep {
		row("keep", d)
		kept += d.Backup.Size
	}
	for _, d := range o.Remove {
		row("remove", d)
		removed += d.Backup.Size
	}
	_ = t.Flush() // a strings.Builder never fails
	for _, r := range o.Refused {
		fmt.Fprintf(&b, "refused: %s: %s\n", r.Series, r.Reason)
	}
	for _, n := range o.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	fmt.Fprintf(&b, "%d kept (%s), %d to be removed (%s)\n", len(o.Keep), store.Bytes(kept), len(o.Remove), store.Bytes(removed))
	_, err := io.WriteString(w, b.String())
	return err
}

// JSON writes the plan for machines.
func (o Outcome) JSON(w io.Writer) error {
	if o.Keep == nil {
		o.Keep = []Decision{}
	}
	if o.Remove == nil {
		o.Remove = []Decision{}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(o)
}
