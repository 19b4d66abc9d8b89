package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/gateway"
	"drydock/internal/gateway/render"
	"drydock/internal/stack"
)

// Colour is what is true about one colour.
type Colour struct {
	Name       compose.Colour `json:"colour"`
	Release    string         `json:"release,omitempty"` // by the labels; "" when there is none, or they differ
	Version    string         `json:"version,omitempty"`
	Revision   string         `json:"revision,omitempty"`
	Mixed      bool           `json:"mixed,omitempty"` // containers of more than one release
	Containers int            `json:"containers"`
	Running    int            `json:"running"`
	Healthy    int            `json:"healthy"`
	Restarts   int            `json:"restarts"`
	Astray     bool           `json:"astray,omitempty"` // its apps listen elsewhere than the gateway asks

	Fingerprint string      `json:"-"`
	Crashed     time.Time   `json:"-"` // when a container that had ended by itself was last started again
	Reach       stack.Reach `json:"-"` // how its apps want to be asked
	IDs         []string    `json:"-"`
	Services    []string    `json:"services,omitempty"` // of the containers that run and are healthy
}

// Well says that every container runs and is healthy, and that there are some of both apps.
func (c Colour) Well() bool {
	return c.Containers > 0 && c.Healthy == c.Containers && !c.Mixed &&
		slices.Contains(c.Services, "backend") && slices.Contains(c.Services, "frontend")
}

// Situation is what is true about an environment.
type Situation struct {
	Active      compose.Colour `json:"active"`
	Gateway     bool           `json:"gateway"` // it runs and answers
	Canary      int            `json:"canary_percent"`
	Maintenance bool           `json:"maintenance"`
	Blue        Colour         `json:"blue"`
	Green       Colour         `json:"green"`
}

// Colour is one of the two.
func (s Situation) Colour(c compose.Colour) Colour {
	if c == compose.Green {
		return s.Green
	}
	return s.Blue
}

// describe sums up the containers of a colour.
func describe(name compose.Colour, list []engine.Container) Colour {
	c := Colour{Name: name, Reach: stack.ReachOf(list)}
	first := true
	for _, in := range list {
		if in.Labels["com.docker.compose.oneoff"] == "True" {
			continue // migrations
		}
		c.Containers++
		c.Restarts += in.Restarts
		if in.Restarts > 0 && in.Started.After(c.Crashed) {
			c.Crashed = in.Started
		}
		c.IDs = append(c.IDs, in.ID)
		if in.State == engine.Running {
			c.Running++
			if in.Health == engine.Healthy || in.Health == engine.NoHealth {
				c.Healthy++
				c.Services = append(c.Services, in.Service())
			}
		}
		l := in.Labels
		if first {
			c.Release, c.Version, c.Revision, c.Fingerprint = l[compose.LabelRelease], l[compose.LabelVersion], l[compose.LabelRevision], l[compose.LabelFingerprint]
			first = false
		} else if c.Release != l[compose.LabelRelease] {
			c.Mixed = true
		}
	}
	if c.Mixed {
		c.Release, c.Version, c.Revision, c.Fingerprint = "", "", "", ""
	}
	return c
}

// look finds out what is true now. Without a gateway the active colour is the one that it will
// begin with, by what it, or else the deploys, have written down; blue where nothing is.
func (d *Deployer) look(ctx context.Context) (Situation, error) {
	s := Situation{Active: compose.Blue}
	for _, name := range []compose.Colour{compose.Blue, compose.Green} {
		list, err := d.colourContainers(ctx, name)
		if err != nil {
			return Situation{}, err
		}
		c := describe(name, list)
		if name == compose.Blue {
			s.Blue = c
		} else {
			s.Green = c
		}
	}
	live, err := d.gateway().Live(ctx)
	var state gateway.State
	if err == nil {
		state, err = live.State(ctx)
	}
	if errors.Is(err, gateway.ErrNotRunning) {
		s.Active, err = d.writtenColour(ctx)
		return s, err
	}
	if err != nil {
		return Situation{}, fmt.Errorf("asking the gateway which colour is live: %w", err)
	}
	s.Gateway, s.Active, s.Maintenance = true, compose.Colour(state.Active), state.Maintenance
	asks, err := d.Stack.GatewayReach(ctx)
	if err != nil {
		return Situation{}, err
	}
	for _, c := range []*Colour{&s.Blue, &s.Green} {
		c.Astray = len(c.Reach.Apart(asks)) > 0
	}
	if state.Canary != nil {
		s.Canary = state.Canary.Percent
	}
	return s, nil
}

// writtenColour is the active colour of a gateway that does not run: by its own state, else by
// the release that went live last.
func (d *Deployer) writtenColour(ctx context.Context) (compose.Colour, error) {
	image, err := d.anyImage(ctx)
	if errors.Is(err, errNoImage) {
		return compose.Blue, nil // then no release is there either
	}
	if err != nil {
		return "", err
	}
	state, err := d.Stack.Engine.ReadVolumeFile(ctx, image, d.Stack.Settings.Project+"-gateway", gateway.StateFile)
	if err != nil && !errors.Is(err, engine.ErrNotFound) {
		return "", fmt.Errorf("reading which colour the gateway had live: %w", err)
	}
	if c := gateway.WrittenColour(state); c != "" {
		return compose.Colour(c), nil
	}
	c, err := d.Stack.WrittenColour(ctx, image)
	if err != nil {
		d.say("which colour was live is not known: %v", err)
	}
	if c == "" {
		c = compose.Blue
	}
	return c, nil
}

func (d *Deployer) colourContainers(ctx context.Context, c compose.Colour) ([]engine.Container, error) {
	return d.Stack.Engine.Containers(ctx, engine.OfProject(compose.AppProject(d.Stack.Settings, c)))
}

// gateway is the entrance of this environment, silent.
func (d *Deployer) gateway() *gateway.Gateway {
	return &gateway.Gateway{Settings: d.Stack.Settings, Engine: d.Stack.Engine, Out: d.Stack.Err, Err: d.Stack.Err, Labels: d.Stack.Labels, Turn: d.turn}
}

func paint(c compose.Colour) render.Colour { return render.Colour(c) }
