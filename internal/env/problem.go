package env

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with the settings.
type Problem struct {
	File  string `json:"file,omitempty"` // relative to the root; "" when no file is to blame
	Line  int    `json:"line,omitempty"` // from 1; 0 when the whole file is meant
	Where string `json:"where"`          // "env/dev.env:3", "process environment", "default"
	Key   string `json:"key,omitempty"`
	Found string `json:"found"` // what is there; never a secret's value
	Fix   string `json:"fix"`   // what to do
}

// String is one line: where, key, what was found, what to do.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.Where + ": ")
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.Found)
	if p.Fix != "" {
		b.WriteString("; " + p.Fix)
	}
	return b.String()
}

// Problems is the error of [Load]: everything that is wrong, not only the first.
type Problems struct {
	Env  string    // name of the environment
	List []Problem // sorted by file, line, key
}

// Error lists all problems, one a line.
func (p *Problems) Error() string {
	what := "1 problem"
	if n := len(p.List); n != 1 {
		what = fmt.Sprintf("%d problems", n)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "checking the settings of environment %q: %s, nothing was started", p.Env, what)
	for _, one := range p.List {
		b.WriteString("\n  " + one.String())
	}
	return b.String()
}

// add records a problem at an origin.
func (p *Problems) add(at Origin, key, found, fix string) {
	p.List = append(p.List, Problem{File: at.File, Line: at.Line, Where: at.String(), Key: key, Found: found, Fix: fix})
}

// err is p as an error, sorted and without repetitions, or nil when it is empty.
func (p *Problems) err() error {
	if len(p.List) == 0 {
		return nil
	}
	slices.SortStableFunc(p.List, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Where, b.Where), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Found, b.Found))
	})
	p.List = slices.Compact(p.List)
	return p
}

// ExitCode is run.CodeBadInput: nothing was started.
func (p *Problems) ExitCode() int { return 2 }
