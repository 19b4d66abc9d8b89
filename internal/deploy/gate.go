package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/gateway"
	"drydock/internal/lease"
	"drydock/internal/run"
)

// gate lets a release pass whose containers are all there, all of this release, healthy
// in time, healthy for a while, and known to the gateway.
func (w *work) gate(ctx context.Context) error {
	s := w.d.Stack.Settings.Deploy
	list, err := w.own(ctx)
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeoutCause(ctx, s.Timeout, fmt.Errorf("not healthy within DEPLOY_TIMEOUT (%s)", s.Timeout))
	defer cancel()
	err = each(within, list, func(ctx context.Context, c engine.Container) error {
		_, err := w.d.Stack.Engine.WaitFor(ctx, c.ID, "healthy", settled(c))
		return err
	})
	if err != nil {
		return err
	}
	if err := w.stable(ctx, list, s.Stable); err != nil {
		return err
	}
	return w.pools(within, len(list))
}

// own are the containers of the release, as many as there have to be.
func (w *work) own(ctx context.Context) ([]engine.Container, error) {
	list, err := w.d.colourContainers(ctx, w.journal.To)
	if err != nil {
		return nil, err
	}
	have := map[string]int{}
	var mine []engine.Container
	for _, c := range list {
		if c.Labels["com.docker.compose.oneoff"] == "True" {
			continue
		}
		if c.Labels[compose.LabelRelease] != w.release.ID {
			return nil, fmt.Errorf("%s is not of this release; somebody else works on %s", c.Name, w.journal.To)
		}
		have[c.Service()]++
		mine = append(mine, c)
	}
	for _, app := range []string{"backend", "frontend"} {
		if have[app] == 0 {
			return nil, fmt.Errorf("there is no container of the %s", app)
		}
	}
	return mine, nil
}

// settled waits for health and gives up on what will not get it: a container that is
// restarted ended by itself, and would be half the time away when it serves.
func settled(from engine.Container) engine.Predicate {
	return func(in engine.Container) (bool, error) {
		if in.Restarts > from.Restarts || in.State == engine.Restarting {
			return false, fmt.Errorf("it ended by itself with exit code %d%s", in.ExitCode, memoryOut(in))
		}
		if in.State == engine.Exited || in.State == engine.Dead {
			return false, fmt.Errorf("it ended with exit code %d%s", in.ExitCode, memoryOut(in))
		}
		return engine.IsHealthy(in)
	}
}

func memoryOut(c engine.Container) string {
	if c.OOM {
		return " (out of memory: raise its limit)"
	}
	return ""
}

// stable watches healthy containers for a while.
func (w *work) stable(ctx context.Context, list []engine.Container, span time.Duration) error {
	if span == 0 {
		return nil
	}
	enough := errors.New("enough")
	within, cancel := context.WithTimeoutCause(ctx, span, enough)
	defer cancel()
	err := each(within, list, func(ctx context.Context, c engine.Container) error {
		_, err := w.d.Stack.Engine.WaitFor(ctx, c.ID, "stable", sick(c))
		return err
	})
	if errors.Is(context.Cause(within), enough) && !errors.Is(err, errSick) {
		return nil
	}
	return err
}

// errSick is a container that was healthy and is not any more.
var errSick = errors.New("it was healthy and is not any more")

// sick is a predicate that never holds, and fails when a container is not well any more.
func sick(from engine.Container) engine.Predicate {
	return func(in engine.Container) (bool, error) {
		switch {
		case in.Restarts > from.Restarts || in.State != engine.Running:
			return false, fmt.Errorf("%w: it ended by itself with exit code %d%s", errSick, in.ExitCode, memoryOut(in))
		case in.Health == engine.Unhealthy:
			return false, fmt.Errorf("%w: its health check fails", errSick)
		}
		return false, nil
	}
}

// each runs fn for all containers at once; the first failure ends the others.
func each(ctx context.Context, list []engine.Container, fn func(context.Context, engine.Container) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make(chan error, len(list))
	for _, c := range list {
		go func() { errs <- fn(ctx, c) }()
	}
	var first error
	for range list {
		if err := <-errs; err != nil && first == nil {
			first = err
			cancel()
		}
	}
	return first
}

// pools waits until the gateway has found every container and counts it as healthy.
func (w *work) pools(ctx context.Context, want int) error {
	live, err := w.d.gateway().Live(ctx)
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	have, said := 0, "it did not say how they are"
	for {
		state, err := live.State(within)
		if err != nil && within.Err() == nil {
			return err
		}
		if err == nil { // else the time is over in the middle of the question: what it said last counts
			if have, said = members(state, w.journal.To); have >= want {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-within.Done():
			var sig *run.SignalError
			if errors.As(context.Cause(ctx), &sig) || errors.Is(context.Cause(ctx), lease.ErrLost) {
				return context.Cause(ctx)
			}
			return fmt.Errorf("the gateway counts %d of %d containers of %s as healthy: %s; it asks as it was told when it was made (BACKEND_PORT, BACKEND_HEALTH_PATH, FRONTEND_PORT, FRONTEND_HEALTH_PATH)", have, want, w.journal.To, said)
		}
	}
}

// members counts the members of a colour's pools that are healthy and that nginx has
// heard of: it asks for them once a second, and answers 503 until then. It also says who they
// are, and of those that are not well what they answer.
func members(s gateway.State, c compose.Colour) (healthy int, said string) {
	var pools []string
	for _, p := range s.Pools {
		if !strings.HasSuffix(p.Name, "-"+string(c)) {
			continue
		}
		var words []string
		for _, m := range p.Members {
			switch {
			case !m.Healthy && m.Error != "":
				words = append(words, fmt.Sprintf("%s unhealthy (%s)", m.Addr, m.Error))
			case !m.Healthy:
				words = append(words, m.Addr+" unhealthy")
			case m.Told != nil && !*m.Told:
				words = append(words, m.Addr+" healthy, and nginx has not heard of it")
			default:
				healthy++
				words = append(words, m.Addr+" healthy")
			}
		}
		if len(words) == 0 {
			words = []string{"nobody"}
		}
		pools = append(pools, p.Name+": "+strings.Join(words, ", "))
	}
	return healthy, strings.Join(pools, "; ")
}

// smoke asks the release through the gateway's private port, as a visitor would.
func (w *work) smoke(ctx context.Context) error {
	live, err := w.d.gateway().Live(ctx)
	if err != nil {
		return err
	}
	return w.ask(ctx, live, true)
}

// ask wants good answers for SMOKE_PATHS, and the release's version; preview asks the
// colour that is not live.
func (w *work) ask(ctx context.Context, live *gateway.Live, preview bool) error {
	s := w.d.Stack.Settings
	for _, path := range s.Deploy.SmokePaths {
		if _, err := live.Get(ctx, path, preview); err != nil {
			return fmt.Errorf("asking the new release for %s: %w", path, err)
		}
	}
	if s.Deploy.VersionPath == "" {
		return nil
	}
	// Every replica is asked: the gateway gives them their turns.
	for range s.Backend.Replicas {
		body, err := live.Get(ctx, s.Deploy.VersionPath, preview)
		if err != nil {
			return fmt.Errorf("asking the new release for its version: %w; BACKEND_VERSION_PATH (%s) has to be a path that answers with APP_VERSION, or empty", err, s.Deploy.VersionPath)
		}
		if !answersVersion(body, w.release.Version) {
			return fmt.Errorf("it answers another version than %s at BACKEND_VERSION_PATH (%s): %.200s", w.release.Version, s.Deploy.VersionPath, strings.TrimSpace(body))
		}
	}
	return nil
}

// answersVersion looks for the version in an answer: the field "version" of a JSON
// object, else anywhere.
func answersVersion(body, want string) bool {
	var v struct {
		Version *string `json:"version"`
	}
	if json.Unmarshal([]byte(body), &v) == nil && v.Version != nil {
		return *v.Version == want
	}
	return strings.Contains(body, want)
}
