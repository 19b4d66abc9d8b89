package stack

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/image"
	"drydock/internal/run"
)

// This file is what package deploy needs of a stack.

// ReleaseValues is Values for a release: the apps' production images, in dev, too.
func (s *Stack) ReleaseValues(ctx context.Context, colour compose.Colour) (compose.Values, error) {
	return s.values(ctx, colour, image.StageProd)
}

// KeptValues is what the compose files of the apps need for a release whose images are
// there already. Secrets and settings are those of now.
func (s *Stack) KeptValues(ctx context.Context, colour compose.Colour, refs compose.Refs, version string) (compose.Values, error) {
	v := s.placeholders()
	v.Colour, v.Version, v.Refs = colour, version, refs
	v.Refs.Migrate = refs.Backend
	as := map[string]identity{}
	for _, ref := range []string{refs.Backend, refs.Frontend} {
		img, err := s.Engine.Image(ctx, ref)
		if err != nil {
			return compose.Values{}, err
		}
		as[ref] = parseUser(img.User)
	}
	// The data services and the gateway are not touched, so their sets are left out.
	for _, set := range secretSets(s.Settings, as[refs.Backend], as[refs.Frontend], nil, "") {
		if set.Service != "backend" && set.Service != "frontend" {
			continue
		}
		if err := s.putSecrets(ctx, []secretSet{set}, &v, refs.Redis); err != nil {
			return compose.Values{}, err
		}
	}
	return v, nil
}

// baseServices are what both colours share.
var baseServices = []string{"db", "redis", "gateway", "backup"}

// Drift is a service that runs, but not as the settings say now.
type Drift struct {
	Service string `json:"service"`
	What    string `json:"what"`
}

// EnsureBase starts those of db, redis and the gateway that do not run. One that runs
// otherwise than it would now is left alone and returned: changing it interrupts the
// site, which is up's work and not a release's. A changed password is an error, because
// the new release could not get in.
func (s *Stack) EnsureBase(ctx context.Context, v compose.Values) ([]Drift, error) {
	base, err := s.lookAtBase(ctx, v)
	if err != nil {
		return nil, err
	}
	if base.password != "" {
		return nil, run.WithCode(run.CodeBadInput, fmt.Errorf("the password of %s is not the one that it runs with; change it first, which interrupts the site for a moment: %s", base.password, s.command("up")))
	}
	missing := base.missing
	if len(missing) == 0 {
		return base.drift, nil
	}
	if len(missing) == len(baseServices) {
		if err := s.checkPorts(ctx); err != nil {
			return nil, err
		}
		missing = nil // all of them
	}
	if err := s.rotate(ctx, v); err != nil {
		return nil, err
	}
	if err := s.Runner().Up(ctx, compose.Base(s.Settings, v), compose.UpOptions{Timeout: baseTimeout, Services: missing}); err != nil {
		return nil, s.explain(ctx, err)
	}
	return base.drift, nil
}

// Drifts is what EnsureBase would return, without starting anything.
func (s *Stack) Drifts(ctx context.Context, v compose.Values) ([]Drift, error) {
	base, err := s.lookAtBase(ctx, v)
	if err != nil {
		return nil, err
	}
	if base.password != "" {
		base.drift = append(base.drift, Drift{base.password, "has another password than the settings; a deploy is refused until up has changed it"})
	}
	for _, name := range base.missing {
		base.drift = append(base.drift, Drift{name, "does not run; a deploy starts it"})
	}
	return base.drift, nil
}

// base is what EnsureBase has to know.
type base struct {
	missing  []string
	drift    []Drift
	password string // service whose password is another one
}

func (s *Stack) lookAtBase(ctx context.Context, v compose.Values) (base, error) {
	want := map[string]struct{ ref, secrets string }{
		"db": {v.Refs.DB, v.DBSecrets}, "redis": {v.Refs.Redis, v.RedisSecrets}, "gateway": {v.Refs.Gateway, v.GatewaySecrets},
		"backup": {v.Refs.Backup, v.BackupSecrets},
	}
	b := base{drift: []Drift{}}
	for _, name := range baseServices {
		list, err := s.service(ctx, s.Settings.Project, name, engine.Running)
		if err != nil {
			return base{}, err
		}
		if len(list) == 0 {
			b.missing = append(b.missing, name)
			continue
		}
		c, w := list[0], want[name]
		if c.Image != w.ref {
			b.drift = append(b.drift, Drift{name, fmt.Sprintf("runs %s; the checkout's is %s", c.Image, w.ref)})
		}
		if secretsOf(c) == w.secrets {
			continue
		}
		if name == "gateway" {
			b.drift = append(b.drift, Drift{name, "has another certificate than the settings name"})
		} else {
			b.password = name
		}
	}
	return b, nil
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

// notDeploying refuses to change an environment that somebody is deploying to: both would
// make containers of the same names. The lock is a container, which runs as long as its
// deploy does.
func (s *Stack) notDeploying(ctx context.Context) error {
	c, err := s.Engine.Container(ctx, s.Settings.Project+"-deploy")
	if errors.Is(err, engine.ErrNotFound) || err == nil && c.State != engine.Running {
		return nil
	}
	if err != nil {
		return err
	}
	return run.WithCode(run.CodeBusy, fmt.Errorf("somebody is deploying to %s; wait for it, or look: %s", s.Settings.Project, s.DeployCommand("deploy:status")))
}

// serving leaves out what a deploy keeps and nobody is served by: its lock, and a colour
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
		return c.Name == project+"-deploy" || coloured && !running[c.Project()] && running[second]
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
	keys := map[string]string{}
	for _, ref := range []string{v.Refs.Backend, v.Refs.Frontend} {
		img, err := s.Engine.Image(ctx, ref)
		if errors.Is(err, engine.ErrNotFound) {
			return v.Labels, nil
		}
		if err != nil {
			return nil, err
		}
		keys[ref] = ImageKey(img)
	}
	f, err := compose.AppFingerprint(s.Settings, v, keys[v.Refs.Backend], keys[v.Refs.Frontend])
	if err != nil {
		return nil, err
	}
	have := running[0].Labels
	if have[compose.LabelFingerprint] != f.Sum {
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
