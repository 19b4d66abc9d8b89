package stack

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/image"
	"drydock/internal/lease"
	"drydock/internal/run"
)

// This file is what package deploy needs of a stack.

// ReleaseValues is Values for a release: the apps' production images, in dev, too.
func (s *Stack) ReleaseValues(ctx context.Context, colour compose.Colour) (compose.Values, error) {
	return s.values(ctx, colour, image.StageProd, true)
}

// KeptValues is what the compose files of the apps need for a release whose images are
// there already. Secrets and settings are those of now.
func (s *Stack) KeptValues(ctx context.Context, colour compose.Colour, refs compose.Refs, version string) (compose.Values, error) {
	v, sets, err := s.keptNames(ctx, colour, refs, version)
	if err != nil {
		return compose.Values{}, err
	}
	return v, s.putSecrets(ctx, sets, &v, refs.Redis)
}

// keptNames is that without making a volume of secrets that is not there: only what it is called.
func (s *Stack) keptNames(ctx context.Context, colour compose.Colour, refs compose.Refs, version string) (compose.Values, []secretSet, error) {
	v := s.placeholders()
	v.Colour, v.Version, v.Refs = colour, version, refs
	v.Refs.Migrate = refs.Backend
	as := map[string]identity{}
	for _, ref := range []string{refs.Backend, refs.Frontend} {
		img, err := s.Engine.Image(ctx, ref)
		if err != nil {
			return compose.Values{}, nil, err
		}
		as[ref] = parseUser(img.User)
	}
	// The data services and the gateway are not touched, so their sets are left out.
	sets := slices.DeleteFunc(secretSets(s.Settings, as[refs.Backend], as[refs.Frontend], nil, ""), func(set secretSet) bool { return !set.ofApp() })
	for _, set := range sets {
		name := set.volume(s.Settings.Project)
		if set.Service == "backend" {
			v.BackendSecrets = name
		} else {
			v.FrontendSecrets = name
		}
	}
	return v, sets, nil
}

// ImageKey says what an image is: the hash of what it was built from, or, of one that is
// not ours, its id. Builds of one input from two commits are the same thing under two ids.
func ImageKey(img engine.Image) string {
	if input := img.Labels["drydock.input"]; input != "" {
		return input
	}
	return img.ID
}

// LiveColour asks the running gateway whose containers get the requests.
func (s *Stack) LiveColour(ctx context.Context) (compose.Colour, error) { return s.liveColour(ctx) }

// ObjectLabels are what every object of this environment carries, and more: key, value, ...
func (s *Stack) ObjectLabels(more ...string) map[string]string { return s.base(more...) }

// Command is how a person calls a target for this environment.
func (s *Stack) Command(target string) string { return s.command(target) }

// DropOld removes volumes of earlier secrets and caches that nothing uses any more.
func (s *Stack) DropOld(ctx context.Context, v compose.Values) error { return s.dropOld(ctx, v) }

// DeployCommand is how a person calls a target of deploys, which mean prod unless another
// environment is named.
func (s *Stack) DeployCommand(target string) string {
	if s.Settings.Env == "prod" {
		return "go tool mage " + target
	}
	return "ENV=" + s.Settings.Env + " go tool mage " + target
}

// Secrets is what must not appear in anything that is written or sent.
func (s *Stack) Secrets() []string { return s.secretValues() }

// Services are the containers of a service of one compose project, in any of the states;
// none given: in all.
func (s *Stack) Services(ctx context.Context, project, service string, states ...engine.State) ([]engine.Container, error) {
	return s.service(ctx, project, service, states...)
}

// LockName is the lease under which a project's environment is changed: by a deploy, or by a
// restore in place.
func LockName(project string) string { return project + "-deploy" }

// DrillLockName is the lease under which a project's backups are drilled.
func DrillLockName(project string) string { return project + "-drill-lock" }

// NotDeploying refuses to change an environment that somebody is deploying to, or restoring: both
// would make containers of the same names. A lease on it is a container, which runs as long as
// its holder does.
func (s *Stack) NotDeploying(ctx context.Context) error {
	h, err := lease.Look(ctx, s.Engine, LockName(s.Settings.Project))
	if err != nil || h == nil || !h.Alive {
		return err
	}
	return run.WithCode(run.CodeBusy, fmt.Errorf("somebody is at work on %s: %s; wait for it, or look: %s", s.Settings.Project, h, s.DeployCommand("deploy:status")))
}

// serving leaves out what a deploy keeps and nobody is served by: its lock, a drill's, and a colour
// that is stopped while the other one runs.
func serving(project string, list []engine.Container) []engine.Container {
	running := map[string]bool{}
	for _, c := range list {
		if c.State == engine.Running {
			running[c.Project()] = true
		}
	}
	blue, green := project+"-"+string(compose.Blue), project+"-"+string(compose.Green)
	other := map[string]string{blue: green, green: blue}
	return slices.DeleteFunc(slices.Clone(list), func(c engine.Container) bool {
		second, coloured := other[c.Project()]
		return c.Name == LockName(project) || c.Name == DrillLockName(project) || coloured && !running[c.Project()] && running[second]
	})
}

// releaseLabels are the labels of the apps: with those of the release that runs, if what
// would be started is the same thing. Then up leaves it alone. Anything else that up starts
// is no release.
func (s *Stack) releaseLabels(ctx context.Context, v compose.Values) (map[string]string, error) {
	running, err := s.service(ctx, compose.AppProject(s.Settings, v.Colour), "backend", engine.Running)
	if err != nil || len(running) == 0 || running[0].Labels[compose.LabelRelease] == "" {
		return v.Labels, err
	}
	sum, err := s.fingerprint(ctx, v)
	if err != nil {
		return nil, err
	}
	have := running[0].Labels
	if sum == "" || have[compose.LabelFingerprint] != sum {
		return v.Labels, nil
	}
	labels := map[string]string{}
	for k, value := range v.Labels {
		labels[k] = value
	}
	for _, k := range []string{compose.LabelRelease, compose.LabelVersion, compose.LabelRevision, compose.LabelFingerprint} {
		if value, ok := have[k]; ok {
			labels[k] = value
		}
	}
	return labels, nil
}

// fingerprint is that of the apps with these values; "" when the engine lacks an image.
func (s *Stack) fingerprint(ctx context.Context, v compose.Values) (string, error) {
	keys := map[string]string{}
	for _, ref := range []string{v.Refs.Backend, v.Refs.Frontend} {
		img, err := s.Engine.Image(ctx, ref)
		if errors.Is(err, engine.ErrNotFound) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		keys[ref] = ImageKey(img)
	}
	f, err := compose.AppFingerprint(s.Settings, v, keys[v.Refs.Backend], keys[v.Refs.Frontend])
	return f.Sum, err
}
