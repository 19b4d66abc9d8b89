package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
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
// is an error, because the new release could not get in, and so is another way to ask the apps
// than the gateway's, because nobody could get to it.
func (s *Stack) EnsureBase(ctx context.Context, v compose.Values) ([]Drift, error) {
	base, err := s.lookAtBase(ctx, v)
	if err != nil {
		return nil, err
	}
	if len(base.locked) > 0 {
		return nil, s.lockedOut(base.locked)
	}
	if err := s.beyond(base.apart); err != nil {
		return nil, err
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
	for _, a := range base.apart {
		base.drift = append(base.drift, Drift{"gateway", fmt.Sprintf("has another %s than the settings (%s, now %s); a deploy is refused until up has changed it", a.Setting, a.Old, a.New)})
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
	apart   []Apart  // how the gateway asks the apps, where that is to be otherwise
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
	want, err := s.resolve(ctx, v)
	if err != nil {
		return base{}, err
	}
	return compareBase(s.Settings, v, want, have), nil
}

// resolved is what compose would give to a service now.
type resolved struct {
	Environment map[string]string
	Memory      int64 // limit in bytes
}

// resolve asks compose for that of the shared services.
func (s *Stack) resolve(ctx context.Context, v compose.Values) (map[string]resolved, error) {
	text, err := s.Runner().Config(ctx, compose.Base(s.Settings, v), "--format", "json")
	if err != nil {
		return nil, err
	}
	return readResolved(text)
}

// readResolved reads it from what `docker compose config` prints, which doubles each $.
func readResolved(text []byte) (map[string]resolved, error) {
	var p struct {
		Services map[string]struct {
			Environment map[string]*string `json:"environment"`
			Memory      json.Number        `json:"mem_limit"`
		} `json:"services"`
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, fmt.Errorf("reading the resolved compose files: %w", err)
	}
	out := map[string]resolved{}
	for name, service := range p.Services {
		r := resolved{Environment: map[string]string{}}
		for k, value := range service.Environment {
			if value != nil {
				r.Environment[k] = strings.ReplaceAll(*value, "$$", "$")
			}
		}
		if service.Memory != "" {
			n, err := service.Memory.Int64()
			if err != nil {
				return nil, fmt.Errorf("reading the resolved compose files: the memory of %s: %w", name, err)
			}
			r.Memory = n
		}
		out[name] = r
	}
	return out, nil
}

// settingOfVariable is the setting that a variable of a shared service comes from, where it has
// another name.
var settingOfVariable = map[string]string{
	"APP_ENV": "MODE", "DRYDOCK_ENV": "ENV", "POSTGRES_USER": "DB_USER", "POSTGRES_DB": "DB_NAME",
	"ARCHIVE": "BACKUP_PHYSICAL", "ARCHIVE_TIMEOUT": "BACKUP_ARCHIVE_TIMEOUT", "ARCHIVE_KEEP": "BACKUP_ARCHIVE_KEEP",
}

// otherVariables names the settings by which a service's environment is not what it would be now.
// What only the container has is its image's.
func otherVariables(environ []string, want map[string]string) []string {
	have := env.Variables(environ)
	var names []string
	for name, value := range want {
		if old, ok := have[name]; ok && old == value {
			continue
		}
		if setting, ok := settingOfVariable[name]; ok {
			name = setting
		}
		names = append(names, name)
	}
	return names
}

// otherPorts names the settings by which a service is not published as it would be now.
func otherPorts(set *env.Settings, service string, c engine.Container) []string {
	var names []string
	wanted := map[int]bool{}
	for _, w := range wantedPorts(set) {
		if w.Service != service {
			continue
		}
		wanted[w.Port] = true
		i := slices.IndexFunc(c.Ports, func(p engine.Port) bool { return p.Host == w.Port })
		switch {
		case i < 0:
			names = append(names, w.Setting)
		case !slices.ContainsFunc(c.Ports, func(p engine.Port) bool { return p.Host == w.Port && sameAddress(p.HostIP, w.Bind) }):
			names = append(names, "HTTP_BIND")
		}
	}
	if service == "gateway" && len(names) == 0 && slices.ContainsFunc(c.Ports, func(p engine.Port) bool { return p.Host != 0 && !wanted[p.Host] }) {
		names = append(names, "TLS")
	}
	return names
}

// sameAddress says whether a port is published where it shall be; an engine that does not say
// where is believed.
func sameAddress(have, want string) bool {
	a, errA := netip.ParseAddr(have)
	b, errB := netip.ParseAddr(want)
	return errA != nil || errB != nil || a == b
}

// baseSecrets are the volumes that the services are to have their secrets from.
func baseSecrets(v compose.Values) map[string]string {
	return map[string]string{"db": v.DBSecrets, "redis": v.RedisSecrets, "gateway": v.GatewaySecrets, "backup": v.BackupSecrets, "guard": v.BackupSecrets}
}

// passwords are those that a release needs to get in.
var passwords = map[string]string{"db": "DB_PASSWORD", "redis": "REDIS_PASSWORD"}

// compareBase is the pure part of lookAtBase.
func compareBase(set *env.Settings, v compose.Values, want map[string]resolved, have map[string]found) base {
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
		other := append(otherVariables(c.Env, want[name].Environment), otherPorts(set, name, c.Container)...)
		if m := want[name].Memory; m != 0 && m != c.Memory && name != "guard" { // whose limit is no setting
			other = append(other, strings.ToUpper(name)+"_MEMORY")
		}
		if name == "gateway" {
			b.apart = reachIn(c.Env).Apart(Reach(want[name].Environment))
			other = slices.DeleteFunc(other, func(key string) bool { return slices.Contains(reaching, key) })
		}
		switch {
		case len(rest) < len(c.changed):
			b.locked = append(b.locked, name)
		case !c.other:
		case name == "gateway":
			drift(name, "has another certificate than the settings name")
		case len(rest) == 0:
			drift(name, "has its secrets as an earlier version put them there")
		}
		if other = append(other, rest...); len(other) > 0 {
			slices.Sort(other)
			drift(name, "has another %s than the settings", strings.Join(slices.Compact(other), ", "))
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
