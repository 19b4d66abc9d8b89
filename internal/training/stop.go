package training

import (
	"context"
	"errors"
	"fmt"
)

// Stop ends the exercise and puts everything right, whatever the trainee did.
func (t *Training) Stop(ctx context.Context) (err error) {
	if err := Refuse(t.Settings.Env); err != nil {
		return err
	}
	e, st, err := t.running()
	if err != nil {
		return err
	}
	desk, err := t.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, desk.Close()) }()
	if err := t.undo(ctx, e, t.scene(desk, st)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.Out, "%s: ended, and everything is as it was\n", e.Name)
	return err
}

// undo puts everything right. Only then the exercise is forgotten, so that a failure can be
// tried again.
func (t *Training) undo(ctx context.Context, e Exercise, s *scene) error {
	t.say("putting everything right")
	steps := []func(context.Context, *scene) error{
		e.before,
		func(ctx context.Context, s *scene) error { return s.Up(ctx) },
		e.undo,
		func(ctx context.Context, s *scene) error { return s.Tidy(ctx, s.Begun) },
		func(ctx context.Context, s *scene) error { return s.dropDatabases(ctx) },
		func(ctx context.Context, s *scene) error { return s.removeDumps(ctx) },
	}
	for _, step := range steps {
		if step == nil {
			continue
		}
		if err := step(ctx, s); err != nil {
			return fmt.Errorf("undoing %s: %w; try again: go tool mage drill:stop", e.Name, err)
		}
	}
	return forget(t.Settings.Root)
}
