package stack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/image"
	"drydock/internal/run"
)

// goOn has the release that serves go on, whatever the checkout is: a release is made live by a
// deploy, which has a gate and a way back.
func (s *Stack) goOn(ctx context.Context, colour compose.Colour, r *served) error {
	again, locked := r.whole, false
	if again {
		var err error
		if locked, err = s.hasOldPassword(ctx, r); err != nil {
			return err
		}
		if locked {
			s.say("%s has another password than the settings: making it anew from its images, with the settings of now", r.name())
			again = false
		}
	}
	start, same := s.remake, true // it then has the settings of now
	if again {
		start = s.startAgain
		var err error
		if same, err = s.hasSettings(ctx, colour, r); err != nil {
			return err
		}
		if missing := r.missing(s.Settings); same && len(missing) > 0 {
			s.say("%s is not whole any more, %s: making what is missing from its images", r.name(), strings.Join(missing, " and "))
			start = s.complete
		}
	}
	if err := s.fillEmpty(ctx, colour, r); err != nil {
		return err
	}
	if err := start(ctx, colour, r); err != nil {
		return err
	}
	if locked {
		if err := s.dropLockedOut(ctx, colour.Other()); err != nil {
			return err
		}
	}
	if err := s.startWaiting(ctx, colour.Other()); err != nil {
		return err
	}
	version, err := image.ReadVersion(ctx, s.Settings.Root, s.Settings.Image.Version, s.Settings.Inherited())
	if err != nil {
		return err
	}
	s.say("%s", stays(r, version, same, s.deployHere()))
	return nil
}

// stays says that a release stays, and what the checkout has instead of it; same is whether it
// has the settings of now.
func stays(r *served, checkout image.Version, same bool, deploy string) string {
	said := r.name() + " serves and stays"
	switch {
	case checkout.Revision != r.revision && checkout.Tag != r.version:
		return fmt.Sprintf("%s; the checkout is %s: %s makes it live", said, checkout.Tag, deploy)
	case checkout.Revision != r.revision:
		return fmt.Sprintf("%s; the checkout is another commit, %.12s: %s makes it live", said, checkout.Revision, deploy)
	case !same:
		return fmt.Sprintf("%s; the apps' settings of now are others: %s makes them live", said, deploy)
	}
	return said
}

// hasSettings says whether a release runs with the settings and the compose files of now.
func (s *Stack) hasSettings(ctx context.Context, colour compose.Colour, r *served) (bool, error) {
	v, _, err := s.keptNames(ctx, colour, compose.Refs{Backend: r.image("backend"), Frontend: r.image("frontend")}, r.version)
	if errors.Is(err, engine.ErrNotFound) {
		return true, nil // a container outlives its image's name; there is nothing to compare
	}
	if err != nil {
		return false, err
	}
	sum, err := s.fingerprint(ctx, v)
	return sum == r.apps[0].Labels[compose.LabelFingerprint], err
}

// startAgain has the containers of a release run as they are, and waits for them.
func (s *Stack) startAgain(ctx context.Context, colour compose.Colour, r *served) error {
	if err := s.startApps(ctx, r.apps); err != nil {
		return err
	}
	if err := s.settle(ctx, compose.Values{Colour: colour}); err != nil {
		return err
	}
	if err := s.appsReady(ctx, r); err != nil {
		return s.explain(ctx, err)
	}
	return nil
}

// startApps starts those that do not run, as they are.
func (s *Stack) startApps(ctx context.Context, apps []engine.Container) error {
	for _, c := range apps {
		var err error
		switch c.State {
		case engine.Running, engine.Restarting:
		case engine.Paused:
			err = s.Engine.Unpause(ctx, c.ID)
		default:
			err = s.Engine.Start(ctx, c.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// appsReady waits for the containers of a release.
func (s *Stack) appsReady(ctx context.Context, r *served) error {
	wait, cancel := context.WithTimeout(ctx, appTimeout)
	defer cancel()
	for _, c := range r.apps {
		if _, err := s.Engine.WaitReady(wait, c.ID); err != nil {
			return fmt.Errorf("going on with %s: %w\nanother release: %s, or %s", r.name(), err, s.DeployCommand("deploy:rollback"), s.deployHere())
		}
	}
	return nil
}

// hasOldPassword says whether a release that is there could not get into the database or Redis.
func (s *Stack) hasOldPassword(ctx context.Context, r *served) (bool, error) {
	for _, c := range r.apps {
		if c.Service() != "backend" {
			continue
		}
		changed, err := s.changedSecrets(ctx, c, backendSecrets(s.Settings))
		if err != nil {
			return false, err
		}
		for _, key := range passwords {
			if slices.Contains(changed, key) {
				return true, nil
			}
		}
		return false, nil // the others are made alike
	}
	return false, nil
}

// dropLockedOut removes the containers of the colour that waits, when they have the password of before: they could
// serve nobody, and a rollback that finds none makes them anew, with the settings of now.
func (s *Stack) dropLockedOut(ctx context.Context, colour compose.Colour) error {
	apps, err := s.apps(ctx, colour)
	if err != nil {
		return err
	}
	locked, err := s.hasOldPassword(ctx, &served{apps: apps})
	if err != nil || !locked {
		return err
	}
	s.say("the %s containers, which wait for a rollback, have the old password, too: removing them; %s makes them anew", colour, s.DeployCommand("deploy:rollback"))
	for _, c := range apps {
		if err := s.Engine.Remove(ctx, c.ID); err != nil {
			return err
		}
	}
	return nil
}

// startWaiting has the colour that waits for a rollback be whole again, where a person or a crash has stopped a part of it: nobody
// could go back to that. Whether it is well then is no reason not to serve.
func (s *Stack) startWaiting(ctx context.Context, colour compose.Colour) error {
	apps, err := s.apps(ctx, colour)
	if err != nil {
		return err
	}
	apps = halfStopped(apps)
	for _, c := range apps {
		s.say("starting %s, which waits for a rollback and was stopped", c.Name)
	}
	if err := s.startApps(ctx, apps); err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, appTimeout)
	defer cancel()
	for _, c := range apps {
		if _, err := s.Engine.WaitReady(wait, c.ID); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			s.say("%s is not well, so that there is no quick way back: %v", c.Name, err)
		}
	}
	return nil
}

// halfStopped are the containers that do not run, of a release of which others do. One that is stopped as a whole was
// stopped by a deploy, to be looked at.
func halfStopped(apps []engine.Container) (stopped []engine.Container) {
	running := map[string]bool{}
	for _, c := range apps {
		if c.State == engine.Running {
			running[c.Labels[compose.LabelRelease]] = true
		}
	}
	for _, c := range apps {
		if (c.State == engine.Exited || c.State == engine.Paused) && running[c.Labels[compose.LabelRelease]] {
			stopped = append(stopped, c)
		}
	}
	return stopped
}

// keptValues are what compose needs to make a release from the images that it has.
func (s *Stack) keptValues(ctx context.Context, colour compose.Colour, r *served) (compose.Values, error) {
	refs := compose.Refs{Backend: r.image("backend"), Frontend: r.image("frontend")}
	for app, id := range map[string]string{"backend": refs.Backend, "frontend": refs.Frontend} {
		why := "nobody has written down its image"
		if id != "" {
			_, err := s.Engine.Image(ctx, id)
			if err == nil {
				continue
			}
			if !errors.Is(err, engine.ErrNotFound) {
				return compose.Values{}, err
			}
			why = "its image is gone, too"
		}
		return compose.Values{}, s.lost(r, app, why)
	}
	redis, err := s.container(ctx, "redis")
	if err != nil {
		return compose.Values{}, err
	}
	refs.Redis = redis.ImageID
	return s.KeptValues(ctx, colour, refs, r.version)
}

// lost refuses to start something else in the place of a release that cannot be had back.
func (s *Stack) lost(r *served, app, why string) error {
	return run.WithCode(run.CodeBadInput, fmt.Errorf("%s is what serves, its %s is not there any more, and %s; up puts no other release into its place. The base runs; go back to a kept one: %s; or make the checkout live: %s",
		r.name(), app, why, s.DeployCommand("deploy:rollback"), s.deployHere()))
}

// remake makes the containers of a release anew, from its own images and the settings of now, as
// a rollback to a release does that is not there any more.
func (s *Stack) remake(ctx context.Context, colour compose.Colour, r *served) error {
	return s.make(ctx, colour, r, compose.UpOptions{Timeout: appTimeout})
}

// complete makes only the containers of a release that are missing, and leaves those that serve.
func (s *Stack) complete(ctx context.Context, colour compose.Colour, r *served) error {
	return s.make(ctx, colour, r, compose.UpOptions{Timeout: appTimeout, Keep: true})
}

func (s *Stack) make(ctx context.Context, colour compose.Colour, r *served, o compose.UpOptions) error {
	v, err := s.keptValues(ctx, colour, r)
	if err != nil {
		return err
	}
	sum, err := s.fingerprint(ctx, v)
	if err != nil {
		return err
	}
	v.Labels = map[string]string{
		compose.LabelRelease: r.id, compose.LabelVersion: r.version, compose.LabelRevision: r.revision, compose.LabelFingerprint: sum,
	}
	maps.Copy(v.Labels, s.Labels)
	if err := s.Runner().Up(ctx, compose.App(s.Settings, v), o); err != nil {
		return s.explain(ctx, fmt.Errorf("making %s anew: %w\nanother release: %s, or %s", r.name(), err, s.DeployCommand("deploy:rollback"), s.deployHere()))
	}
	return nil
}

// emptySQL says whether the database has no table but those of Drydock's own.
const emptySQL = `SELECT NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('information_schema', 'drydock') AND n.nspname NOT LIKE 'pg\_%')`

// fillEmpty gives a database that has no tables those of the release. One that has some is left
// alone: where a newer release's migrations have run, or where a person has gone back to before
// them, running them again is nobody's wish.
func (s *Stack) fillEmpty(ctx context.Context, colour compose.Colour, r *served) error {
	if len(s.Settings.Backend.Migrate) == 0 {
		return nil
	}
	db, err := s.container(ctx, "db")
	if err != nil {
		return err
	}
	d := s.Settings.Database
	answer, err := s.Engine.ExecOutput(ctx, db.ID, "psql", "-XqAt", "--username", d.User, "--dbname", d.Name, "--command", emptySQL)
	if err != nil {
		return fmt.Errorf("asking the database whether it has tables: %w", err)
	}
	if strings.TrimSpace(answer) != "t" {
		return nil
	}
	v, err := s.keptValues(ctx, colour, r)
	if err != nil {
		return err
	}
	s.say("the database is empty: migrating it with %s", r.name())
	if err := s.Runner().RunOnce(ctx, compose.App(s.Settings, v), "migrate", s.Settings.Backend.Migrate...); err != nil {
		return fmt.Errorf("migrating the database: %w; nothing was started on it", err)
	}
	return nil
}

// Resume has the apps go on whose data was changed under them: the containers of a release as
// they are. What is no release is brought up. The caller holds the environment's lock.
func (s *Stack) Resume(ctx context.Context) error {
	colour, apps, err := s.liveApps(ctx)
	if err != nil {
		return err
	}
	r := servedBy(apps, nil)
	if r == nil || !r.whole {
		return s.up(ctx)
	}
	if err := s.startAgain(ctx, colour, r); err != nil {
		return err
	}
	return s.pageAnswers(ctx)
}
