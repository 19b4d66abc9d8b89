package security

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
)

var lineEnd = regexp.MustCompile(`:\d+$`)

// Status is how a rule ended.
type Status string

// The ways.
const (
	Pass     Status = "pass"
	Fail     Status = "fail"
	Excepted Status = "excepted" // broken, in places that are all named exceptions
	Note     Status = "note"     // about the machine
)

// Result is what one rule said. Its JSON form is stable.
type Result struct {
	ID         string      `json:"id"`
	Status     Status      `json:"status"`
	Title      string      `json:"title"`
	Source     string      `json:"source"`
	Reason     string      `json:"reason"`
	Fix        string      `json:"fix"`
	Findings   []Finding   `json:"findings"`             // that count
	Exceptions []Excepting `json:"exceptions,omitempty"` // that do not
}

// Excepting is a finding that an exception covers.
type Excepting struct {
	Finding
	Reason string `json:"reason"`
}

// Report is the whole.
type Report struct {
	Project string   `json:"project"`
	Env     string   `json:"env"`
	Mode    string   `json:"mode"`
	Rules   []Result `json:"rules"`
}

// Run asks every rule.
func Run(f Facts) []Result {
	exceptions := Exceptions()
	var results []Result
	for _, rule := range Rules() {
		r := Result{ID: rule.ID, Status: Pass, Title: rule.Title, Source: rule.Source, Reason: rule.Why, Fix: rule.Fix, Findings: []Finding{}}
	findings:
		for _, found := range rule.Check(f) {
			for _, e := range exceptions {
				if e.covers(rule.ID, f.Mode, found) {
					r.Exceptions = append(r.Exceptions, Excepting{found, e.Reason})
					continue findings
				}
			}
			r.Findings = append(r.Findings, found)
		}
		switch {
		case len(r.Findings) > 0 && rule.Host:
			r.Status = Note
		case len(r.Findings) > 0:
			r.Status = Fail
		case len(r.Exceptions) > 0:
			r.Status = Excepted
		}
		results = append(results, r)
	}
	return results
}

// Failed are the ids of the rules that failed.
func (r Report) Failed() []string {
	var ids []string
	for _, x := range r.Rules {
		if x.Status == Fail {
			ids = append(ids, x.ID)
		}
	}
	return ids
}

// Write renders the report for people, or as JSON.
func (r Report) Write(w io.Writer, format string) error {
	if format == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	var b strings.Builder
	count := map[Status]int{}
	for _, x := range r.Rules {
		count[x.Status]++
		fmt.Fprintf(&b, "%-8s  %-20s  %s\n", x.Status, x.ID, x.Title)
		for _, f := range x.Findings {
			fmt.Fprintf(&b, "          %s: %s\n", f.Where, f.What)
		}
		if x.Status == Fail || x.Status == Note {
			fmt.Fprintf(&b, "          why: %s\n          fix: %s\n", x.Reason, x.Fix)
		}
		if x.Status == Fail {
			fmt.Fprintf(&b, "          source: %s\n", x.Source)
		}
		said := map[string]bool{}
		for _, e := range x.Exceptions {
			if !said[e.Reason] {
				fmt.Fprintf(&b, "          except %s: %s\n", places(x.Exceptions, e.Reason), e.Reason)
			}
			said[e.Reason] = true
		}
	}
	fmt.Fprintf(&b, "\n%s (%s): %d rules passed, %d failed, %d broken by named exceptions, %d notes about the machine\n",
		r.Project, r.Env, count[Pass], count[Fail], count[Excepted], count[Note])
	_, err := io.WriteString(w, b.String())
	return err
}

// places are where an exception applied, each once.
func places(list []Excepting, reason string) string {
	var names []string
	seen := map[string]bool{}
	for _, e := range list {
		if e.Reason == reason && !seen[e.Where] {
			seen[e.Where] = true
			names = append(names, e.Where)
		}
	}
	return strings.Join(names, ", ")
}
