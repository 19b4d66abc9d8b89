package stack

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/env"
)

// Report is how an environment is at one moment. Its JSON form is stable.
type Report struct {
	Project  string   `json:"project"`
	Env      string   `json:"env"`
	URL      string   `json:"url"`
	Services []Status `json:"services"` // what ought to be there and what is, by name
}

// Status is one container, or a service that has none.
type Status struct {
	Service   string    `json:"service"`
	Container string    `json:"container,omitempty"`
	Project   string    `json:"project,omitempty"` // of compose
	Colour    string    `json:"colour,omitempty"`  // of an app, where both colours run
	State     string    `json:"state"`             // running, exited, restarting, ..., or missing
	Health    string    `json:"health,omitempty"`  // healthy, starting, unhealthy
	Detail    string    `json:"detail,omitempty"`  // why it is not healthy
	Version   string    `json:"version,omitempty"`
	Image     string    `json:"image,omitempty"`
	Started   time.Time `json:"started,omitzero"`
	Uptime    int64     `json:"uptime_seconds"`
	Restarts  int       `json:"restarts"`
	Memory    uint64    `json:"memory_bytes"`
	Limit     uint64    `json:"memory_limit_bytes"`
	Ports     []string  `json:"ports,omitempty"` // as published, for example 127.0.0.1:8080
}

// Good says that everything is there and healthy.
func (r Report) Good() bool {
	for _, s := range r.Services {
		if !s.Good() {
			return false
		}
	}
	return true
}

// complaint says what is not well, with the command that leads on; nil when all is.
func (r Report) complaint(command func(target string) string) error {
	var missing, sick []string
	for _, s := range r.Services {
		switch {
		case s.Good():
		case s.Container == "":
			missing = append(missing, s.Service)
		default:
			sick = append(sick, s.Service)
		}
	}
	slices.Sort(sick)
	switch {
	case len(sick) > 0:
		names := strings.Join(slices.Compact(sick), ",")
		return fmt.Errorf("not everything is healthy; the reasons: SERVICE=%s %s", names, command("logs"))
	case len(missing) > 0 && len(missing) == len(r.Services):
		return fmt.Errorf("nothing of %s is there; start it: %s", r.Project, command("up"))
	case len(missing) > 0:
		return fmt.Errorf("missing: %s; to start it: %s", strings.Join(missing, ", "), command("up"))
	}
	return nil
}

// Good says that it is there and healthy.
func (s Status) Good() bool {
	return s.State == string(engine.Running) && (s.Health == "" || s.Health == string(engine.Healthy))
}

// expected are the services that a running environment has, in the order that they are shown.
func expected(set *env.Settings) []string {
	list := []string{"gateway", "frontend", "backend", "db", "redis", "backup"}
	if set.NoLoss() {
		list = append(list, "guard")
	}
	return list
}

// Status looks at every container of the environment.
func (s *Stack) Status(ctx context.Context) (Report, error) {
	list, err := s.containers(ctx)
	if err != nil {
		return Report{}, err
	}
	ids := make([]string, 0, len(list))
	for _, c := range list {
		ids = append(ids, c.ID)
	}
	stats, err := s.Engine.Stats(ctx, ids...)
	if err != nil {
		return Report{}, err
	}
	return report(s.Settings, list, stats, time.Now()), nil
}

// report is the pure part of Status.
func report(set *env.Settings, list []engine.Container, stats map[string]engine.Stats, now time.Time) Report {
	r := Report{Project: set.Project, Env: set.Env, URL: entranceOf(set).browser, Services: []Status{}}
	have := map[string]bool{}
	shown := serving(set.Project, list)
	colours := colourOf(set.Project, shown)
	for _, c := range shown {
		if c.Labels["com.docker.compose.oneoff"] == "True" {
			continue // the migrations, while they run
		}
		have[c.Service()] = true
		st := status(c, stats[c.ID], now)
		st.Colour = colours[c.Project()]
		r.Services = append(r.Services, st)
	}
	names := expected(set)
	for _, name := range names {
		if !have[name] {
			r.Services = append(r.Services, Status{Service: name, State: "missing"})
		}
	}
	rank := func(name string) int {
		if i := slices.Index(names, name); i >= 0 {
			return i
		}
		return len(names)
	}
	slices.SortStableFunc(r.Services, func(a, b Status) int {
		return cmp.Or(rank(a.Service)-rank(b.Service), strings.Compare(a.Service, b.Service), strings.Compare(a.Container, b.Container))
	})
	return r
}

// colourOf maps the apps' compose projects to their colours where containers of both are shown;
// one alone needs no name.
func colourOf(project string, list []engine.Container) map[string]string {
	all := map[string]string{}
	for _, c := range []compose.Colour{compose.Blue, compose.Green} {
		name := project + "-" + string(c)
		if slices.ContainsFunc(list, func(in engine.Container) bool { return in.Project() == name }) {
			all[name] = string(c)
		}
	}
	if len(all) < 2 {
		return nil
	}
	return all
}

func status(c engine.Container, use engine.Stats, now time.Time) Status {
	st := Status{
		Service: c.Service(), Container: c.Name, Project: c.Project(), State: string(c.State), Health: string(c.Health),
		Version: version(c), Image: c.Image, Restarts: c.Restarts, Memory: use.Memory, Limit: use.MemoryLimit,
	}
	if c.State == engine.Running || c.State == engine.Paused {
		st.Started, st.Uptime = c.Started, int64(now.Sub(c.Started).Seconds())
	} else {
		st.Health = ""
		st.Detail = fmt.Sprintf("exit code %d", c.ExitCode)
		if c.OOM {
			st.Detail += ", out of memory"
		}
		if c.Error != "" {
			st.Detail = c.Error
		}
	}
	if c.State == engine.Running && c.Health == engine.Unhealthy && len(c.Checks) > 0 {
		st.Detail = strings.Join(strings.Fields(c.Checks[len(c.Checks)-1].Output), " ")
	}
	ports := map[string]bool{}
	for _, p := range c.Ports {
		if p.Host != 0 {
			ports[fmt.Sprintf("%s:%d", p.HostIP, p.Host)] = true
		}
	}
	st.Ports = slices.Sorted(maps.Keys(ports))
	return st
}

// version is what an app was told to be, else the tag of the image.
func version(c engine.Container) string {
	for _, kv := range c.Env {
		if v, ok := strings.CutPrefix(kv, "APP_VERSION="); ok {
			return v
		}
	}
	_, tag, ok := strings.Cut(c.Image[strings.LastIndex(c.Image, "/")+1:], ":")
	if !ok {
		return ""
	}
	return tag
}
