package stack

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/run"
)

// Reach is how the gateway finds the apps, by setting. It asks both colours in one way, and has
// that from its environment: another one takes a gateway that is made anew.
type Reach map[string]string

// reaching are the settings of a Reach.
var reaching = []string{"BACKEND_PORT", "BACKEND_HEALTH_PATH", "FRONTEND_PORT", "FRONTEND_HEALTH_PATH"}

// Apart is a setting that two have otherwise.
type Apart struct{ Setting, Old, New string }

// Apart lists what both know and have otherwise, in the order of the settings.
func (r Reach) Apart(now Reach) []Apart {
	var list []Apart
	for _, name := range reaching {
		a, had := r[name]
		b, has := now[name]
		if had && has && a != b {
			list = append(list, Apart{name, a, b})
		}
	}
	return list
}

// ReachOf is how containers of the apps want to be asked.
func ReachOf(apps []engine.Container) Reach {
	r := Reach{}
	for _, c := range apps {
		prefix := strings.ToUpper(c.Service()) + "_"
		values := env.Variables(c.Env)
		for _, name := range []string{"PORT", "HEALTH_PATH"} {
			if v, ok := values[name]; ok && slices.Contains(reaching, prefix+name) {
				r[prefix+name] = v
			}
		}
	}
	return r
}

// reachIn picks a Reach out of an environment.
func reachIn(environ []string) Reach {
	r := Reach{}
	for name, value := range env.Variables(environ) {
		if slices.Contains(reaching, name) {
			r[name] = value
		}
	}
	return r
}

// wantedReach is what the settings say.
func wantedReach(s *env.Settings) Reach { return reachIn(s.Environ()) }

// GatewayReach is how the running gateway asks; nil when none runs.
func (s *Stack) GatewayReach(ctx context.Context) (Reach, error) {
	list, err := s.service(ctx, s.Settings.Project, "gateway", engine.Running)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return reachIn(list[0].Env), nil
}

// Reachable refuses a release that the running gateway would ask at another port or path than
// its apps listen on.
func (s *Stack) Reachable(ctx context.Context) error {
	have, err := s.GatewayReach(ctx)
	if err != nil {
		return err
	}
	return s.beyond(have.Apart(wantedReach(s.Settings)))
}

// beyond is the error for settings that the gateway does not have, or nil.
func (s *Stack) beyond(list []Apart) error {
	if len(list) == 0 {
		return nil
	}
	var said []string
	for _, a := range list {
		said = append(said, fmt.Sprintf("%s differs from what the gateway runs with (%s, now %s)", a.Setting, a.Old, a.New))
	}
	return run.WithCode(run.CodeBadInput, fmt.Errorf("%s: the new release could not be reached. The gateway asks both colours in one way, so the site is away between these two: YES=1 %s && %s",
		strings.Join(said, "; "), s.command("up"), s.deployHere()))
}

// turnedAway says that up takes a release that serves away, or nil: apart is how it wants to be
// asked, and how the gateway is to ask.
func (s *Stack) turnedAway(r *served, list []Apart) error {
	if len(list) == 0 {
		return nil
	}
	var said []string
	for _, a := range list {
		said = append(said, fmt.Sprintf("%s is %s, and %s, which serves, has %s", a.Setting, a.New, r.name(), a.Old))
	}
	return run.WithCode(run.CodeBadInput, fmt.Errorf("%s: with the gateway of now the site is away until a release with the new setting is live. If that is meant: YES=1 %s && %s",
		strings.Join(said, "; "), s.command("up"), s.deployHere()))
}

// stillReachable refuses, before anything is done, what would take away a release that serves.
// Where no gateway runs nothing serves, and the colour is not known yet.
func (s *Stack) stillReachable(ctx context.Context) error {
	have, err := s.GatewayReach(ctx)
	if err != nil || have == nil {
		return err
	}
	want := wantedReach(s.Settings)
	if len(have.Apart(want)) == 0 {
		return nil
	}
	_, apps, err := s.liveApps(ctx)
	if err != nil {
		return err
	}
	r := servedBy(apps, nil)
	if r == nil {
		return nil
	}
	return s.turnedAway(r, ReachOf(apps).Apart(want))
}

// liveApps are those of the colour that gets the requests.
func (s *Stack) liveApps(ctx context.Context) (colour compose.Colour, apps []engine.Container, err error) {
	if colour, err = s.liveColour(ctx); err == nil {
		apps, err = s.apps(ctx, colour)
	}
	return colour, apps, err
}

// apps are the containers of both apps of a colour, in whatever state.
func (s *Stack) apps(ctx context.Context, colour compose.Colour) ([]engine.Container, error) {
	list, err := s.Engine.Containers(ctx, engine.OfProject(compose.AppProject(s.Settings, colour)))
	return slices.DeleteFunc(list, func(c engine.Container) bool {
		return c.Labels["com.docker.compose.oneoff"] == "True" || c.Service() != "backend" && c.Service() != "frontend"
	}), err
}
