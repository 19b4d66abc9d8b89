package stack

import (
	"context"
	"fmt"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/image"
)

// Migrate brings the schema up to date, once for a release: when the backend that runs is
// of another image, or none is healthy.
func (s *Stack) Migrate(ctx context.Context, v compose.Values) error {
	if len(s.Settings.Backend.Migrate) == 0 {
		return nil
	}
	done, err := s.healthyBackend(ctx, v)
	if err != nil || done {
		return err
	}
	// Always the production image: one of the stage dev runs a watcher, not the program.
	list, err := s.images(ctx, []string{image.Backend}, image.StageProd)
	if err != nil {
		return err
	}
	v.Refs.Migrate = list[0].Ref
	set := parseUser(list[0].User).set("backend", backendSecrets(s.Settings))
	v.BackendSecrets = set.volume(s.Settings.Project)
	if err := s.putSecret(ctx, set, v.BackendSecrets, v.Refs.Redis); err != nil {
		return fmt.Errorf("giving the secrets to the migrations: %w", err)
	}
	v.Live.Backend = false
	s.say("migrating the database")
	if err := s.Runner().RunOnce(ctx, compose.App(s.Settings, v), "migrate", s.Settings.Backend.Migrate...); err != nil {
		return fmt.Errorf("migrating the database: %w; nothing was started on it", err)
	}
	return nil
}

// healthyBackend says whether a backend of this image runs and is content with the schema.
func (s *Stack) healthyBackend(ctx context.Context, v compose.Values) (bool, error) {
	current, err := s.service(ctx, compose.AppProject(s.Settings, v.Colour), "backend", engine.Running)
	if err != nil {
		return false, err
	}
	for _, c := range current {
		if c.Image == v.Refs.Backend && c.Health == engine.Healthy {
			return true, nil
		}
	}
	return false, nil
}
