package drill

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Evidence is what a drill found. Its JSON form is stable.
type Evidence struct {
	ID      string    `json:"id"`
	Project string    `json:"project"`
	Env     string    `json:"env"`
	Backup  string    `json:"backup"`
	Made    time.Time `json:"made"` // when the backup was finished: what came later would be lost
	Size    int64     `json:"size"` // bytes that it occupies
	Started time.Time `json:"started"`
	Phases  []Phase   `json:"phases"`
	Checks  []Check   `json:"checks"`
	Passed  bool      `json:"passed"`
	Error   string    `json:"error,omitempty"` // what ended the drill before its last check
}

// Phase is a step and how long it took.
type Phase struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// Check is one thing that was looked at.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
}

// Took is the recovery time: all phases together.
func (e *Evidence) Took() time.Duration {
	var s float64
	for _, p := range e.Phases {
		s += p.Seconds
	}
	return time.Duration(s * float64(time.Second))
}

// Loss is how old the backup's data was when the drill began: what a restore would lose.
func (e *Evidence) Loss() time.Duration { return e.Started.Sub(e.Made) }

// failed names the checks that failed.
func (e *Evidence) failed() (names []string) {
	for _, c := range e.Checks {
		if !c.OK {
			names = append(names, c.Name)
		}
	}
	return names
}

// Write renders the evidence for people, or as JSON.
func (e *Evidence) Write(w io.Writer, format string) error {
	if format == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(e)
	}
	verdict := "PASSED"
	if !e.Passed {
		verdict = "FAILED"
	}
	text := fmt.Sprintf("restore drill %s: %s\n  backup %s of %s, %s old when the drill began\n",
		e.ID, verdict, e.Backup, e.Made.UTC().Format("2006-01-02 15:04:05 UTC"), e.Loss().Round(time.Second))
	for _, c := range e.Checks {
		mark := "ok  "
		if !c.OK {
			mark = "FAIL"
		}
		text += fmt.Sprintf("  %s  %s", mark, c.Name)
		if c.Detail != "" {
			text += ": " + c.Detail
		}
		text += "\n"
	}
	if e.Error != "" {
		text += "  " + e.Error + "\n"
	}
	for _, p := range e.Phases {
		text += fmt.Sprintf("  %6.1fs  %s\n", p.Seconds, p.Name)
	}
	text += fmt.Sprintf("  recovery took %s\n", e.Took().Round(100*time.Millisecond))
	_, err := io.WriteString(w, text)
	return err
}
