package stack

import (
	"context"
	"errors"
	"fmt"
	"time"

	"drydock/internal/engine"
)

// halfMadeTimeout bounds the clearing-up of a run that was cut off.
const halfMadeTimeout = 30 * time.Second

// dropUnstarted removes the containers that a run which was cut off has made and not
// started: compose leaves them, and they look like services that have failed. It needs a
// context of its own. A run that failed by itself keeps them: they tell why.
func (s *Stack) dropUnstarted(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), halfMadeTimeout)
	defer cancel()
	list, err := s.Engine.Containers(ctx, engine.Filter{
		Labels: map[string]string{LabelProject: s.Settings.Project}, States: []engine.State{engine.Created},
	})
	errs := []error{err}
	for _, c := range list {
		errs = append(errs, s.Engine.Remove(ctx, c.ID))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("removing what was not started: %w", err)
	}
	return nil
}
