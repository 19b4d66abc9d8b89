package deploy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"time"

	"drydock/internal/compose"
)

// Kind is what was asked for.
type Kind string

// The kinds.
const (
	KindDeploy   Kind = "deploy"
	KindRollback Kind = "rollback"
)

// Outcome is how it ended.
type Outcome string

// The outcomes.
const (
	Live        Outcome = "live"        // the release serves
	Failed      Outcome = "failed"      // before the switch: the old release never stopped serving
	Returned    Outcome = "returned"    // after the switch, or as a canary: the old release serves again
	Undone      Outcome = "undone"      // a person stopped it, and all was put back
	Interrupted Outcome = "interrupted" // it was killed; the next one put all back
	Finished    Outcome = "finished"    // it was killed after the switch; the release serves
	Stuck       Outcome = "stuck"       // it failed and was not put back: that failed, too, or the lock was lost; the next one does it
)

// Phase is one step and how long it took.
type Phase struct {
	Step Step  `json:"step"`
	MS   int64 `json:"ms"`
}

// Record is one line of the history.
type Record struct {
	Kind     Kind           `json:"kind"`
	Outcome  Outcome        `json:"outcome"`
	Release  string         `json:"release"`
	Version  string         `json:"version"`
	Revision string         `json:"revision,omitempty"`
	From     string         `json:"from,omitempty"`          // version that served before
	FromRev  string         `json:"from_revision,omitempty"` // its commit: the git range is from_revision..revision
	Colour   compose.Colour `json:"colour"`
	By       string         `json:"by"`
	Host     string         `json:"host"`
	Started  time.Time      `json:"started"`
	MS       int64          `json:"ms"`
	SwitchMS int64          `json:"switch_ms,omitempty"` // of the change itself: from the signal to nginx until its new workers answered
	Phases   []Phase        `json:"phases"`
	Saved    string         `json:"saved,omitempty"` // how to get the database as it was before the migrations
	Error    string         `json:"error,omitempty"`
}

// Journal is the deploy that is under way.
type Journal struct {
	Kind    Kind           `json:"kind"`
	Release Release        `json:"release"`
	From    Release        `json:"from"` // what served; only id, version and revision are sure
	To      compose.Colour `json:"to"`
	Step    Step           `json:"step"`
	Since   time.Time      `json:"since"` // when the step began
	Started time.Time      `json:"started"`
	By      string         `json:"by"`
	Host    string         `json:"host"`
	Phases  []Phase        `json:"phases"`
	Switch  int64          `json:"switch_ms,omitempty"`
	Saved   string         `json:"saved,omitempty"`
}

// record is the line for the history.
func (j Journal) record(o Outcome, now time.Time, err error) Record {
	r := Record{
		Kind: j.Kind, Outcome: o, Release: j.Release.ID, Version: j.Release.Version, Revision: j.Release.Revision,
		From: j.From.Version, FromRev: j.From.Revision, Colour: j.To, By: j.By, Host: j.Host,
		Started: j.Started, MS: now.Sub(j.Started).Milliseconds(), SwitchMS: j.Switch, Phases: j.Phases, Saved: j.Saved,
	}
	if err != nil {
		r.Error = err.Error()
	}
	return r
}

// with is the history with the end of a deploy. One that ended already, but was not put back,
// or whose end could not be written down whole, gets its true end, and keeps its reason.
func (h History) with(r Record) History {
	last := len(h) - 1
	if last < 0 || !h[last].Started.Equal(r.Started) {
		return append(h, r)
	}
	if h[last].Outcome == Live && r.Outcome == Finished {
		return h // only the last stroke was missing
	}
	if r.Error == "" {
		r.Error = h[last].Error
	}
	h[last] = r
	return h
}

// historyMax bounds the history.
const historyMax = 200

// History is the records, oldest first.
type History []Record

// parseHistory reads a history. A line that is no record, such as one that a full disk
// cut off, is left out: the history is a memory and must not stop a deploy.
func parseHistory(data []byte) History {
	var h History
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r Record
		if json.Unmarshal(lines.Bytes(), &r) == nil && r.Release != "" {
			h = append(h, r)
		}
	}
	return h
}

// encode writes the newest records.
func (h History) encode() []byte {
	if len(h) > historyMax {
		h = h[len(h)-historyMax:]
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, r := range h {
		if len(r.Error) > 4000 {
			r.Error = r.Error[:4000]
		}
		_ = enc.Encode(r) // strings, numbers and times
	}
	return b.Bytes()
}
