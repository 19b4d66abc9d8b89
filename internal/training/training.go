package training

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"drydock/internal/env"
	"drydock/internal/run"
)

// Training is a trainee's desk: one checkout and its dev stack.
type Training struct {
	Settings *env.Settings
	Out, Err io.Writer

	// Open connects to the stack; list and hint do without one.
	Open func(context.Context) (Desk, error)

	exercises []Exercise // nil: Exercises
	now       func() time.Time
}

// Refuse says no to every environment but dev. It looks at the name alone, so that it can be
// asked before the settings of another environment are read at all.
func Refuse(environment string) error {
	if environment == "" || environment == "dev" {
		return nil
	}
	return run.WithCode(run.CodeBadInput, fmt.Errorf("exercises break things on purpose, so they are for the environment dev alone, and ENV is %s; leave ENV out", environment))
}

func (t *Training) list() []Exercise {
	if t.exercises != nil {
		return t.exercises
	}
	return Exercises()
}

func (t *Training) clock() time.Time {
	if t.now != nil {
		return t.now()
	}
	return time.Now()
}

func (t *Training) say(format string, args ...any) {
	_, _ = fmt.Fprintf(t.Err, "drill: "+format+"\n", args...) // narration
}

// running is the exercise that runs, and what is known of it; an error when none does.
func (t *Training) running() (Exercise, *state, error) {
	s, err := readState(t.Settings.Root)
	if err != nil {
		return Exercise{}, nil, err
	}
	if s == nil {
		return Exercise{}, nil, run.WithCode(run.CodeBadInput, errors.New("no exercise runs; `go tool mage drill:list` shows what there is"))
	}
	if s.Project != t.Settings.Project {
		return Exercise{}, nil, run.WithCode(run.CodeBadInput, fmt.Errorf("the exercise %s runs in the project %s, and PROJECT is %s now: set it back", s.Exercise, s.Project, t.Settings.Project))
	}
	e, err := find(t.list(), s.Exercise)
	return e, s, err
}

// List shows the exercises, and which one runs.
func (t *Training) List() error {
	current, err := readState(t.Settings.Root)
	if err != nil {
		return err
	}
	type item struct {
		Exercise
		Running bool `json:"running"`
	}
	items := []item{}
	for _, e := range t.list() {
		items = append(items, item{e, current != nil && current.Exercise == e.Name})
	}
	if t.Settings.Options.Format == "json" {
		return t.json(items)
	}
	w := tabwriter.NewWriter(t.Out, 0, 0, 2, ' ', 0)
	for _, i := range items {
		mark := ""
		if i.Running {
			mark = " (runs)"
		}
		_, _ = fmt.Fprintf(w, "%s%s\t%s\n", i.Name, mark, i.Story) // the error is the Flush's
	}
	return w.Flush()
}

// Hint says where to look.
func (t *Training) Hint() error {
	e, _, err := t.running()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.Out, "%s\nThe whole way: docs/en/training.md, the section of %s\n", e.Hint, e.Name)
	return err
}

func (t *Training) json(v any) error {
	enc := json.NewEncoder(t.Out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
