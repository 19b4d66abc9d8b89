package training

import (
	"context"
	"errors"
	"fmt"
	"time"

	"drydock/internal/backup/store"
	"drydock/internal/run"
)

const (
	undoTimeout = 5 * time.Minute  // a stack that has to be started again is part of it
	seenTimeout = 45 * time.Second // until a health check or a probe has noticed
	seenEvery   = 500 * time.Millisecond
)

// Start breaks something. Whatever goes wrong on the way, it is put right again.
func (t *Training) Start(ctx context.Context, name string) (err error) {
	e, err := find(t.list(), name)
	if err != nil {
		return err
	}
	if err := Refuse(t.Settings.Env); err != nil {
		return err
	}
	other, err := readState(t.Settings.Root)
	if err != nil {
		return err
	}
	if other != nil {
		what := "runs"
		if other.Broken.IsZero() {
			what = "was begun, and cut off"
		}
		return run.WithCode(run.CodeBusy, fmt.Errorf("starting %s: the exercise %s %s; end it first: go tool mage drill:stop", name, other.Exercise, what))
	}
	desk, err := t.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, desk.Close()) }()
	if err := desk.Ready(ctx); err != nil {
		return err
	}
	s := t.scene(desk, &state{Exercise: name, Project: t.Settings.Project, Begun: t.clock().UTC()})
	if err := s.note(ctx); err != nil {
		return err
	}
	if err := t.harm(ctx, e, s); err != nil {
		// Also when the context has ended: what was begun is undone on one of its own.
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
		defer cancel()
		return errors.Join(fmt.Errorf("starting %s: %w", name, err), t.undo(clean, e, s))
	}
	_, err = fmt.Fprintf(t.Out, "%s\n\nFind out why, and mend it. Then: go tool mage drill:check\nA hint: go tool mage drill:hint. To give up: go tool mage drill:stop\n", e.Story)
	return err
}

// scene puts an exercise on the desk.
func (t *Training) scene(desk Desk, s *state) *scene {
	return &scene{Desk: desk, state: s, settings: t.Settings, keep: func() error { return s.write(t.Settings.Root) }}
}

// note writes down how it was, before anything is changed.
func (s *scene) note(ctx context.Context) (err error) {
	if s.Databases, err = s.databases(ctx); err != nil {
		return err
	}
	list, err := s.dumps(ctx)
	if err != nil {
		return err
	}
	for _, b := range list {
		s.Newest = max(s.Newest, store.Sequence(b.ID))
	}
	return s.keep()
}

// harm does it, and sees that it can be noticed: a check that cannot fail teaches nothing.
func (t *Training) harm(ctx context.Context, e Exercise, s *scene) error {
	t.say("preparing")
	if e.prepare != nil {
		if err := e.prepare(ctx, s); err != nil {
			return err
		}
	}
	if err := e.harm(ctx, s); err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, seenTimeout)
	defer cancel()
	for {
		symptoms, err := e.check(wait, s)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil && wait.Err() == nil {
			return err
		}
		if len(symptoms) > 0 {
			break
		}
		select {
		case <-time.After(seenEvery):
		case <-wait.Done():
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("nothing is to be seen of it within %s", seenTimeout)
		}
	}
	s.Broken = t.clock().UTC()
	return s.keep()
}
