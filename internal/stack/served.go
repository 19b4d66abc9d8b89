package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/image"
	"drydock/internal/run"
)

// Kept is what up reads of a release that a deploy wrote down.
type Kept struct {
	ID       string    `json:"id"`
	Version  string    `json:"version"`
	Revision string    `json:"revision"`
	Backend  KeptImage `json:"backend"`
	Frontend KeptImage `json:"frontend"`
}

// KeptImage is an image of one.
type KeptImage struct {
	Ref string `json:"reference"`
	ID  string `json:"id"`
}

// ReleasesFile is where deploys write them down, in the volume <PROJECT>-deploy: in the order
// in which they went live last.
const ReleasesFile = "releases.json"

// served is the release of a deploy that serves, or did until its containers went away.
type served struct {
	id, version, revision string
	apps                  []engine.Container
	whole                 bool  // both apps have containers, all of this release
	kept                  *Kept // as it was written down; nil: it was not
}

func (r *served) name() string { return fmt.Sprintf("%s (release %s)", r.version, r.id) }

// image is what an app of it is made from, or "".
func (r *served) image(app string) string {
	for _, c := range r.apps {
		if c.Service() == app && c.Labels[compose.LabelRelease] == r.id {
			return c.ImageID
		}
	}
	switch {
	case r.kept == nil:
		return ""
	case app == "backend":
		return r.kept.Backend.ID
	}
	return r.kept.Frontend.ID
}

// servedBy finds out from the containers of the live colour, and from what was written down,
// which release is to go on. nil: none, since up has made the containers, or nothing was ever
// deployed.
func servedBy(apps []engine.Container, kept []Kept) *served {
	r := &served{apps: apps, whole: true}
	has := map[string]bool{}
	for _, c := range apps {
		has[c.Service()] = true
		id := c.Labels[compose.LabelRelease]
		if r.id == "" && id != "" {
			r.id, r.version, r.revision = id, c.Labels[compose.LabelVersion], c.Labels[compose.LabelRevision]
		}
	}
	if r.id == "" && (len(apps) > 0 || len(kept) == 0) {
		return nil
	}
	if r.id == "" {
		k := kept[len(kept)-1]
		r.id, r.version, r.revision = k.ID, k.Version, k.Revision
	}
	for _, c := range apps {
		r.whole = r.whole && c.Labels[compose.LabelRelease] == r.id
	}
	r.whole = r.whole && has["backend"] && has["frontend"]
	if i := slices.IndexFunc(kept, func(k Kept) bool { return k.ID == r.id }); i >= 0 {
		r.kept = &kept[i]
	}
	return r
}

// served looks which release is to go on on a colour; image is any that the engine has.
func (s *Stack) served(ctx context.Context, colour compose.Colour, image string) (*served, error) {
	apps, err := s.apps(ctx, colour)
	if err != nil {
		return nil, err
	}
	if r := servedBy(apps, nil); r != nil && r.whole || r == nil && len(apps) > 0 {
		return r, nil
	}
	kept, err := s.kept(ctx, image)
	if err != nil {
		return nil, err
	}
	return servedBy(apps, kept), nil
}

// kept reads what deploys have written down.
func (s *Stack) kept(ctx context.Context, image string) ([]Kept, error) {
	text, err := s.Engine.ReadVolumeFile(ctx, image, s.Settings.Project+"-deploy", ReleasesFile)
	if errors.Is(err, engine.ErrNotFound) {
		return nil, nil // nothing was ever live
	}
	var list []Kept
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil {
		return nil, fmt.Errorf("reading which release was live: %w; to make the checkout live: %s", err, s.deployHere())
	}
	return list, nil
}

// deployHere is the command that makes the checkout live.
func (s *Stack) deployHere() string { return s.DeployCommand("deploy:" + string(s.Settings.Mode)) }

// deployed says whether up has to look for a release: there were deploys, which leave a volume.
// In dev nobody is served, and up is the way back from a rehearsal.
func (s *Stack) deployed(ctx context.Context) (bool, error) {
	if s.Settings.Mode != env.Prod {
		return false, nil
	}
	_, err := s.Engine.Volume(ctx, s.Settings.Project+"-deploy")
	if errors.Is(err, engine.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// goOn has the release that serves go on, whatever the checkout is: a release is made live by a
// deploy, which has a gate and a way back.
func (s *Stack) goOn(ctx context.Context, colour compose.Colour, r *served) error {
	again := r.whole
	if again {
		locked, err := s.hasOldPassword(ctx, r)
		if err != nil {
			return err
		}
		if locked {
			s.say("%s has another password than the settings: making it anew from its images, with the settings of now", r.name())
			again = false
		}
	}
	if err := s.fillEmpty(ctx, colour, r); err != nil {
		return err
	}
	start := s.startAgain
	if !again {
		start = s.remake
	}
	if err := start(ctx, colour, r); err != nil {
		return err
	}
	version, err := image.ReadVersion(ctx, s.Settings.Root, s.Settings.Image.Version, s.Settings.Inherited())
	if err != nil {
		return err
	}
	same := !again // made with the settings of now
	if again {
		if same, err = s.hasSettings(ctx, colour, r); err != nil {
			return err
		}
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
	if err := s.Runner().Up(ctx, compose.App(s.Settings, v), compose.UpOptions{Timeout: appTimeout}); err != nil {
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
// they are. What is no release is brought up.
func (s *Stack) Resume(ctx context.Context) error {
	colour, apps, err := s.liveApps(ctx)
	if err != nil {
		return err
	}
	r := servedBy(apps, nil)
	if r == nil || !r.whole {
		return s.Up(ctx)
	}
	if err := s.startAgain(ctx, colour, r); err != nil {
		return err
	}
	return s.pageAnswers(ctx)
}
