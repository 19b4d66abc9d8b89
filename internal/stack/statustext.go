package stack

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteJSON writes the report for a machine.
func (r Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// WriteText writes the report for a person.
func (r Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SERVICE\tSTATE\tVERSION\tUPTIME\tRESTARTS\tMEMORY\tPORTS")
	for _, s := range r.Services {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			s.name(), s.state(), dash(s.Version), s.uptime(), s.restarts(), s.memory(), dash(strings.Join(s.Ports, " ")))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, s := range r.Services {
		if !s.Good() && s.Detail != "" {
			if _, err := fmt.Fprintf(w, "\n%s: %s", s.name(), s.Detail); err != nil {
				return err
			}
		}
	}
	state := "everything is healthy"
	if !r.Good() {
		state = "not everything is healthy"
	}
	_, err := fmt.Fprintf(w, "\n%s (%s): %s\n%s\n", r.Project, r.Env, state, r.URL)
	return err
}

// name is the service, with the colour where it says which one is meant.
func (s Status) name() string {
	if s.Colour == "" {
		return s.Service
	}
	return s.Service + " (" + s.Colour + ")"
}

// state puts state and health into one word where that says it all.
func (s Status) state() string {
	switch {
	case s.State == "running" && s.Health != "":
		return s.Health
	default:
		return s.State
	}
}

func (s Status) uptime() string {
	if s.Started.IsZero() {
		return "-"
	}
	return Duration(time.Duration(s.Uptime) * time.Second)
}

func (s Status) restarts() string {
	if s.Container == "" {
		return "-"
	}
	return fmt.Sprint(s.Restarts)
}

func (s Status) memory() string {
	if s.Limit == 0 {
		return "-"
	}
	return fmt.Sprintf("%s of %s", mebibytes(s.Memory), mebibytes(s.Limit))
}

func mebibytes(n uint64) string {
	if n >= 10<<30 {
		return fmt.Sprintf("%.0f GiB", float64(n)/(1<<30))
	}
	if n >= 1<<30 {
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20))
}

// Duration writes a time span with its two largest units: 3d4h, 2h5m, 1m30s, 12s.
func Duration(d time.Duration) string {
	d = d.Round(time.Second)
	days, hours, minutes, seconds := d/(24*time.Hour), d/time.Hour%24, d/time.Minute%60, d/time.Second%60
	switch {
	case days > 0:
		return fmt.Sprintf("%dd%dh", days, hours)
	case hours > 0:
		return fmt.Sprintf("%dh%dm", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%dm%ds", minutes, seconds)
	}
	return fmt.Sprintf("%ds", seconds)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
