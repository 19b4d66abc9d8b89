package drill

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// Evidence is what a drill found. Its JSON form is stable.
type Evidence struct {
	ID       string    `json:"id"`
	Project  string    `json:"project"`
	Env      string    `json:"env"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"`
	Parts    []*Part   `json:"parts"`
	Passed   bool      `json:"passed"`
	Error    string    `json:"error,omitempty"` // what ended the drill before its last check
}

// Part is one backup that was restored.
type Part struct {
	Name     string    `json:"name"` // dump, physical
	Backup   string    `json:"backup"`
	Database string    `json:"database"`
	Backend  string    `json:"backend,omitempty"` // the version that was started on it, and whose it is
	Made     time.Time `json:"made"`              // when the backup was begun: what came later is not in it
	Finished time.Time `json:"finished"`
	Size     int64     `json:"size"` // bytes that it occupies
	Tables   int       `json:"tables"`
	Rows     int64     `json:"rows"`
	Phases   []Phase   `json:"phases"`
	Checks   []Check   `json:"checks"`
	Controls []Check   `json:"controls"` // what was damaged on purpose, and whether it was seen
	Loss     *Loss     `json:"loss,omitempty"`
	Recovery float64   `json:"recovery_seconds"` // the phases that a recovery has, too
	Passed   bool      `json:"passed"`

	until time.Time // the last moment that its log reached to when the drill began; zero: not known
}

// Phase is a step and how long it took.
type Phase struct {
	Name     string  `json:"name"`
	Seconds  float64 `json:"seconds"`
	Recovery bool    `json:"recovery"` // a real recovery has it, too; the others are the drill's own
}

// Check is one thing that was looked at.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
}

// Loss is what a recovery with this backup would have lost, had the live database been lost
// when the drill began.
type Loss struct {
	Seconds  float64   `json:"seconds"`
	Newest   time.Time `json:"newest"`   // the last sign of life of the live database
	Restored time.Time `json:"restored"` // the last one that came back
	By       string    `json:"by"`       // heartbeat, or what stood in for it
}

// check notes one thing that was looked at.
func (p *Part) check(name string, ok bool, detail string) {
	p.Checks = append(p.Checks, Check{name, ok, detail})
}

// failed names the checks and controls that failed.
func (p *Part) failed() (names []string) {
	for _, c := range p.Checks {
		if !c.OK {
			names = append(names, p.Name+": "+c.Name)
		}
	}
	for _, c := range p.Controls {
		if !c.OK {
			names = append(names, p.Name+": control: "+c.Name)
		}
	}
	return names
}

// failed names what failed in all parts.
func (e *Evidence) failed() (names []string) {
	for _, p := range e.Parts {
		names = append(names, p.failed()...)
	}
	return names
}

// duration shows a span as exactly as it is worth.
func duration(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d < 48*time.Hour:
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%.1f days", d.Hours()/24)
}

// Write renders the evidence for people, or as JSON.
func (e *Evidence) Write(w io.Writer, format string) error {
	if format == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(e)
	}
	text := fmt.Sprintf("restore drill %s: %s\n", e.ID, verdict(e.Passed))
	for _, p := range e.Parts {
		text += p.text()
	}
	if e.Error != "" {
		text += "  " + e.Error + "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}

func verdict(ok bool) string {
	if ok {
		return "PASSED"
	}
	return "FAILED"
}

func (p *Part) text() string {
	text := fmt.Sprintf("%s: backup %s of %s\n", p.Name, p.Backup, p.Made.UTC().Format("2006-01-02 15:04:05 UTC"))
	if p.Backend != "" {
		text += "  with the backend " + p.Backend + "\n"
	}
	line := func(c Check, what string) {
		mark := "ok  "
		if !c.OK {
			mark = "FAIL"
		}
		text += fmt.Sprintf("  %s  %s%s", mark, what, c.Name)
		if c.Detail != "" {
			text += ": " + strings.ReplaceAll(c.Detail, "\n", "\n        ")
		}
		text += "\n"
	}
	for _, c := range p.Checks {
		line(c, "")
	}
	for _, c := range p.Controls {
		line(c, "control: ")
	}
	for _, ph := range p.Phases {
		note := ""
		if ph.Recovery {
			note = " (recovery)"
		}
		text += fmt.Sprintf("  %6.1fs  %s%s\n", ph.Seconds, ph.Name, note)
	}
	if p.Recovery > 0 {
		text += fmt.Sprintf("  recovery took %s\n", duration(p.Recovery))
	}
	if p.Loss != nil {
		text += fmt.Sprintf("  %s would have been lost (by the %s)\n", duration(p.Loss.Seconds), p.Loss.By)
	}
	return text
}
