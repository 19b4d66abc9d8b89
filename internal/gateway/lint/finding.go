package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity of a finding. An error is a fault or a hole; a warning is what an
// experienced operator would want to decide, not to overlook.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Finding is one fault at one line.
type Finding struct {
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	File     string   `json:"file"` // below the folder that was read
	Line     int      `json:"line"`
	Message  string   `json:"message"` // what is wrong here
	Why      string   `json:"why"`
	Fix      string   `json:"fix"`
	Source   string   `json:"source"`         // the manual's page
	Text     string   `json:"text,omitempty"` // the line
}

// String is the finding for a terminal, in three lines or four.
func (f Finding) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d: %s: %s [%s]\n", f.File, f.Line, f.Severity, f.Message, f.Rule)
	if t := strings.TrimSpace(f.Text); t != "" {
		if r := []rune(t); len(r) > 160 {
			t = string(r[:160]) + "..."
		}
		fmt.Fprintf(&b, "    | %s\n", t)
	}
	fmt.Fprintf(&b, "    why: %s\n", f.Why)
	fmt.Fprintf(&b, "    fix: %s\n", f.Fix)
	return b.String()
}

// Errors counts the findings that are errors.
func Errors(list []Finding) int {
	n := 0
	for _, f := range list {
		if f.Severity == Error {
			n++
		}
	}
	return n
}

func sortFindings(list []Finding) []Finding {
	slices.SortFunc(list, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), strings.Compare(a.Rule, b.Rule), strings.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(list, func(a, b Finding) bool {
		return a.File == b.File && a.Line == b.Line && a.Rule == b.Rule && (a.Message == b.Message || a.Line > 0)
	})
}
