package stack

import (
	"context"
	"time"

	"drydock/internal/compose"
	"drydock/internal/engine"
)

// settleTimeout is some rounds of an app's health check.
const settleTimeout = 15 * time.Second

// settle gives running apps that were unhealthy the time to notice what has been mended under
// them: a database that was away, or that got its tables a moment ago. compose waits for
// what is starting, and gives up at once on what is called unhealthy. One that stays so is
// compose's to tell.
func (s *Stack) settle(ctx context.Context, v compose.Values) error {
	wait, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	for _, app := range []string{"backend", "frontend"} {
		list, err := s.service(ctx, compose.AppProject(s.Settings, v.Colour), app, engine.Running)
		if err != nil {
			return err
		}
		for _, c := range list {
			if c.Health != engine.Unhealthy {
				continue
			}
			_, _ = s.Engine.WaitFor(wait, c.ID, "it is healthy again", func(now engine.Container) (bool, error) {
				return now.Health != engine.Unhealthy, nil
			})
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
	}
	return nil
}
