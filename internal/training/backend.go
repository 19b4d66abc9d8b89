package training

import "context"

func backendStopped() Exercise {
	return Exercise{
		Name:   "backend-stopped",
		Story:  "A user writes: the page opens, but there are no notes on it, only a message that the server is not available.",
		Hint:   "Ask the environment how it is. What does it say about each service, and what does it say about who starts it again?",
		harm:   eachBackend(Desk.StopBackend),
		check:  boardAnswers,
		before: revive,
	}
}

func backendHangs() Exercise {
	return Exercise{
		Name:   "backend-hangs",
		Story:  "A user writes: the page opens, then it waits and waits for the notes. Nobody has deployed anything.",
		Hint:   "Everything runs, it seems. Compare what is running with what is healthy, and with what the gateway says about its pools.",
		harm:   eachBackend(Desk.FreezeBackend),
		check:  boardAnswers,
		before: revive,
	}
}

// eachBackend does something to all of them, after their ids are on disk.
func eachBackend(do func(Desk, context.Context, string) error) func(context.Context, *scene) error {
	return func(ctx context.Context, s *scene) error {
		ids, err := s.Backends(ctx)
		if err != nil {
			return err
		}
		s.Containers = ids
		if err := s.keep(); err != nil {
			return err
		}
		for _, id := range ids {
			if err := do(s.Desk, ctx, id); err != nil {
				return err
			}
		}
		return nil
	}
}

// boardAnswers is the check of what a visitor sees, and of the containers behind it.
func boardAnswers(ctx context.Context, s *scene) ([]string, error) {
	if err := s.Board(ctx); err != nil {
		return []string{"the board cannot be read: " + err.Error()}, ctx.Err()
	}
	why, err := s.BackendsWell(ctx)
	if why == "" || err != nil {
		return nil, err
	}
	return []string{why}, nil
}

// revive brings back what still exists; the rest is up's work.
func revive(ctx context.Context, s *scene) error {
	for _, id := range s.Containers {
		if err := s.ReviveBackend(ctx, id); err != nil {
			return err
		}
	}
	return nil
}
