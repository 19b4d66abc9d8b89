package training

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Result is what a check found. Its JSON form is stable.
type Result struct {
	Exercise string   `json:"exercise"`
	Fixed    bool     `json:"fixed"`
	Symptoms []string `json:"symptoms"` // what is still wrong
	Seconds  int      `json:"seconds"`  // since it was broken
}

// errNotFixed is worth exit code 1.
var errNotFixed = errors.New("it is not mended yet")

// Check says whether the exercise is done. When it is, what was made for it is taken away,
// so that the next one can start.
func (t *Training) Check(ctx context.Context) (err error) {
	if err := Refuse(t.Settings.Env); err != nil {
		return err
	}
	e, st, err := t.running()
	if err != nil {
		return err
	}
	if st.Broken.IsZero() {
		return fmt.Errorf("checking %s: its start was cut off, so there is nothing to mend; put it right: go tool mage drill:stop", e.Name)
	}
	desk, err := t.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, desk.Close()) }()
	s := t.scene(desk, st)
	symptoms, err := e.check(ctx, s)
	if err != nil {
		return fmt.Errorf("checking %s: %w", e.Name, err)
	}
	took := t.clock().Sub(st.Broken).Round(time.Second)
	r := Result{Exercise: e.Name, Fixed: len(symptoms) == 0, Symptoms: symptoms, Seconds: int(took.Seconds())}
	if r.Symptoms == nil {
		r.Symptoms = []string{}
	}
	if r.Fixed {
		if err := t.undo(ctx, e, s); err != nil {
			return fmt.Errorf("it is mended, but tidying up failed; try again: go tool mage drill:stop: %w", err)
		}
	}
	if err := t.show(r, took); err != nil {
		return err
	}
	if !r.Fixed {
		return errNotFixed
	}
	return nil
}

func (t *Training) show(r Result, took time.Duration) error {
	if t.Settings.Options.Format == "json" {
		return t.json(r)
	}
	if r.Fixed {
		_, err := fmt.Fprintf(t.Out, "%s: mended, after %s\n", r.Exercise, took)
		return err
	}
	for _, line := range r.Symptoms {
		if _, err := fmt.Fprintf(t.Out, "%s: %s\n", r.Exercise, line); err != nil {
			return err
		}
	}
	return nil
}
