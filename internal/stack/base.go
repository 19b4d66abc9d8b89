package stack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/run"
)

// Drift is a service that runs, but not as the settings say now.
type Drift struct {
	Service string `json:"service"`
	What    string `json:"what"`
}

// Interrupts says whether the site would notice that the service is made anew.
func (d Drift) Interrupts() bool { return d.Service != "backup" && d.Service != "guard" }

// EnsureBase starts those of the services that both colours share which do not run. One that
// runs otherwise than it would now is left alone and returned: changing it interrupts the
// site, which is up's work and not a release's. Another password of the database or of Redis
// is an error, because the new release could not get in.
func (s *Stack) EnsureBase(ctx context.Context, v compose.Values) ([]Drift, error) {
	base, err := s.lookAtBase(ctx, v)
	if err != nil {
		return nil, err
	}
	if len(base.locked) > 0 {
		return nil, s.lockedOut(base.locked)
	}
	missing := base.missing
	if len(missing) == 0 {
		return base.drift, nil
	}
	if len(missing) == len(compose.BaseServices(s.Settings)) {
		if err := s.checkPorts(ctx); err != nil {
			return nil, err
		}
		missing = nil // all of them
	}
	if missing == nil || slices.Contains(missing, "db") {
		if err := s.rotate(ctx, v); err != nil {
			return nil, err
		}
	}
	if err := s.Runner().Up(ctx, compose.Base(s.Settings, v), compose.UpOptions{Timeout: baseTimeout, Services: missing}); err != nil {
		return nil, s.explain(ctx, err)
	}
	return base.drift, nil
}

// Drifts is what EnsureBase would return and which services it would start, without
// starting anything.
func (s *Stack) Drifts(ctx context.Context, v compose.Values) (drifts []Drift, starts []string, err error) {
	base, err := s.lookAtBase(ctx, v)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range base.locked {
		base.drift = append(base.drift, Drift{name, "has another " + passwords[name] + " than the settings; a deploy is refused until up has changed it"})
	}
	return base.drift, append([]string{}, base.missing...), nil
}

// lockedOut says that a release could not get into services.
func (s *Stack) lockedOut(services []string) error {
	var said []string
	for _, name := range services {
		said = append(said, fmt.Sprintf("the password of %s is not the one that it runs with: %s has changed", name, passwords[name]))
	}
	return run.WithCode(run.CodeBadInput, fmt.Errorf("%s; the new release could not get in: change it first, which interrupts the site for a moment: %s", strings.Join(said, "; "), s.command("up")))
}

// base is what EnsureBase has to know.
type base struct {
	missing []string
	drift   []Drift
	locked  []string // those whose password is another one
}

// found is a shared service as it runs.
type found struct {
	engine.Container
	changed []string // settings whose secrets it has from another time
	other   bool     // its secrets are in another volume than those of now
}

func (s *Stack) lookAtBase(ctx context.Context, v compose.Values) (base, error) {
	secrets := baseSecrets(v)
	ca, err := s.storageCA()
	if err != nil {
		return base{}, err
	}
	files := map[string]map[string]string{}
	for _, set := range secretSets(s.Settings, identity{}, identity{}, nil, ca) {
		files[set.Service] = set.Files
	}
	files["guard"] = files["backup"]
	have := map[string]found{}
	for _, name := range append(compose.BaseServices(s.Settings), "guard") { // a guard that is not wanted, too
		list, err := s.service(ctx, s.Settings.Project, name, engine.Running)
		if err != nil {
			return base{}, err
		}
		if len(list) == 0 {
			continue
		}
		f := found{Container: list[0]}
		if f.other = secretsOf(f.Container) != secrets[name]; f.other && name != "gateway" {
			if f.changed, err = s.changedSecrets(ctx, f.Container, files[name]); err != nil {
				return base{}, err
			}
		}
		have[name] = f
	}
	return compareBase(s.Settings, v, have), nil
}

// baseSecrets are the volumes that the services are to have their secrets from.
func baseSecrets(v compose.Values) map[string]string {
	return map[string]string{"db": v.DBSecrets, "redis": v.RedisSecrets, "gateway": v.GatewaySecrets, "backup": v.BackupSecrets, "guard": v.BackupSecrets}
}

// passwords are those that a release needs to get in.
var passwords = map[string]string{"db": "DB_PASSWORD", "redis": "REDIS_PASSWORD"}

// compareBase is the pure part of lookAtBase.
func compareBase(set *env.Settings, v compose.Values, have map[string]found) base {
	refs := map[string]string{"db": v.Refs.DB, "redis": v.Refs.Redis, "gateway": v.Refs.Gateway, "backup": v.Refs.Backup, "guard": v.Refs.Backup}
	b := base{drift: []Drift{}}
	drift := func(name, format string, args ...any) {
		b.drift = append(b.drift, Drift{name, fmt.Sprintf(format, args...)})
	}
	names := compose.BaseServices(set)
	for _, name := range names {
		c, runs := have[name]
		if !runs {
			// A guard waits for the receiver that a backup service of before does not have.
			if backup, ok := have["backup"]; name == "guard" && ok && !slices.Contains(backup.Env, "RPO="+env.RPOZero) {
				drift(name, "does not run: the backup service was started without RPO=%s", env.RPOZero)
				continue
			}
			b.missing = append(b.missing, name)
			continue
		}
		if c.Image != refs[name] {
			drift(name, "runs %s; the checkout's is %s", c.Image, refs[name])
		}
		rest := slices.DeleteFunc(slices.Clone(c.changed), func(key string) bool { return key == passwords[name] })
		switch {
		case len(rest) < len(c.changed):
			b.locked = append(b.locked, name)
		case !c.other:
		case name == "gateway":
			drift(name, "has another certificate than the settings name")
		case len(rest) == 0:
			drift(name, "has its secrets as an earlier version put them there")
		}
		if len(rest) > 0 {
			drift(name, "has another %s than the settings", strings.Join(rest, ", "))
		}
	}
	if _, runs := have["guard"]; runs && !slices.Contains(names, "guard") {
		drift("guard", "runs, and the settings are without RPO=%s", env.RPOZero)
	}
	return b
}

// changedSecrets names the settings whose secrets a container has otherwise than they are
// now. Nothing but the container knows the values of before.
func (s *Stack) changedSecrets(ctx context.Context, c engine.Container, now map[string]string) ([]string, error) {
	r, err := s.Engine.CopyFrom(ctx, c.ID, secretsDir)
	if errors.Is(err, engine.ErrNotFound) {
		return changedSettings(nil, now), nil // it was started without any
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	files, err := engine.Untar(r)
	if err != nil {
		return nil, fmt.Errorf("reading the secrets that %s runs with: %w", c.Name, err)
	}
	had := map[string]string{}
	for _, f := range files {
		if !strings.HasSuffix(f.Name, "/") {
			had[f.Name[strings.LastIndex(f.Name, "/")+1:]] = string(f.Data)
		}
	}
	return changedSettings(had, now), nil
}

// secretsDir is where every container finds its secrets.
const secretsDir = "/run/secrets"
