package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"drydock/internal/compose"
	"drydock/internal/env"
	"drydock/internal/gateway/lint"
	"drydock/internal/gateway/render"
)

// composed is what is read of `docker compose config --format json`.
type composed struct {
	Services map[string]struct {
		Environment map[string]*string `json:"environment"`
		Networks    map[string]*struct {
			Aliases []string `json:"aliases"`
		} `json:"networks"`
		Ports []struct {
			Target    int    `json:"target"`
			Published string `json:"published"`
		} `json:"ports"`
		ReadOnly bool     `json:"read_only"`
		Tmpfs    []string `json:"tmpfs"`
		Volumes  []struct {
			Target   string `json:"target"`
			ReadOnly bool   `json:"read_only"`
		} `json:"volumes"`
	} `json:"services"`
	Networks map[string]struct {
		Name string `json:"name"`
	} `json:"networks"`
}

// healthPath is what those ask through the gateway who want to know whether it is up.
const healthPath = "/healthz"

// stack is what surrounds the gateway, as compose resolves its files: both colours, and
// the base project.
func (g *Gateway) stack(ctx context.Context, s *env.Settings, v render.Values) (*lint.Stack, error) {
	runner := &compose.Runner{
		Env: s.Inherited(), Folder: s.Path(filepath.Join(".drydock", "lint")), Stderr: g.Err,
	}
	values := compose.Placeholders(s, nil)
	projects := []compose.Project{compose.Base(s, values)}
	for _, c := range []compose.Colour{compose.Blue, compose.Green} {
		values.Colour = c
		projects = append(projects, compose.App(s, values))
	}
	model := &lint.Stack{Gateway: "gateway", Backend: lint.Backend{HealthPath: healthPath}}
	for _, p := range projects {
		text, err := runner.Config(ctx, p, "--format", "json")
		if err != nil {
			return nil, err
		}
		var c composed
		if err := json.Unmarshal(text, &c); err != nil {
			return nil, fmt.Errorf("reading the compose project %s: %w", p.Name, err)
		}
		c.limits(&model.Backend)
		services, err := c.services(v)
		if err != nil {
			return nil, fmt.Errorf("reading the compose project %s: %w", p.Name, err)
		}
		model.Services = append(model.Services, services...)
	}
	return model, nil
}

// limits reads what the backend is told of its limits: from its own environment and not from
// the settings, or a value that does not get there, or another one of the user's, would agree
// with the gateway in the linter alone. What is in a form of the user's own stays unknown.
func (c composed) limits(b *lint.Backend) {
	environ := c.Services["backend"].Environment
	if v := environ["BODY_LIMIT"]; v != nil {
		if n, err := strconv.ParseInt(*v, 10, 64); err == nil {
			b.BodyLimit = n
		}
	}
	if v := environ["BACKEND_TIMEOUT"]; v != nil {
		if d, err := time.ParseDuration(*v); err == nil {
			b.Timeout = d
		}
	}
}

// services translates. Two colours have a service of one name each, told apart by their
// aliases; the pools' names (backend-blue.pool) are what the supervisor makes of those.
func (c composed) services(v render.Values) (list []lint.Service, err error) {
	for name, s := range c.Services {
		out := lint.Service{Name: name, ReadOnly: s.ReadOnly}
		for key, n := range s.Networks {
			out.Networks = append(out.Networks, c.Networks[key].Name)
			if n == nil {
				continue
			}
			for _, alias := range n.Aliases {
				out.Aliases = append(out.Aliases, alias, alias+".pool")
			}
		}
		switch name {
		case "gateway":
			out.Ports = ports(v)
		case "backend":
			out.Ports = []int{v.BackendPort}
		case "frontend":
			out.Ports = []int{v.FrontendPort}
		}
		for _, p := range s.Ports {
			host, err := strconv.Atoi(p.Published)
			if err != nil {
				return nil, fmt.Errorf("the published port %q of %s: %w", p.Published, name, err)
			}
			out.Published = append(out.Published, lint.Published{Container: p.Target, Host: host})
		}
		for _, t := range s.Tmpfs {
			folder, _, _ := strings.Cut(t, ":") // options follow
			out.Writable = append(out.Writable, folder)
		}
		for _, vol := range s.Volumes {
			if !vol.ReadOnly {
				out.Writable = append(out.Writable, vol.Target)
			}
		}
		list = append(list, out)
	}
	return list, nil
}
