package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/gateway/certs"
	"drydock/internal/gateway/render"
	"drydock/internal/image"
	"drydock/internal/run"
)

// Gateway is the entrance of one environment.
type Gateway struct {
	Settings *env.Settings
	Source   env.Source // where the settings came from, to look at other environments
	Engine   *engine.Client
	Out      io.Writer // results
	Err      io.Writer // narration
	Labels   map[string]string
	Turn     string // in which the running gateway is changed; "" is none
}

// current is the folder in which a configuration runs, inside the container.
const current = render.RunDir + "/current"

// Validated is the result for one environment.
type Validated struct {
	Env     string `json:"env"`
	Image   string `json:"image"` // whose nginx has checked it
	Version string `json:"version"`
	Problem string `json:"problem,omitempty"` // what nginx says, and the place in our files
}

// Validate has nginx check the configuration of every environment, in the image that
// will run it. It changes nothing that runs. A configuration that nginx refuses is an
// error with run.CodeBadInput, after all environments were looked at.
func (g *Gateway) Validate(ctx context.Context) error {
	source, err := Source(g.Settings.Root)
	if err != nil {
		return err
	}
	var results []Validated
	var bad []string
	err = g.eachEnv(func(s *env.Settings) error {
		r, err := g.validate(ctx, source, s)
		if r.Problem != "" {
			bad = append(bad, s.Env)
		}
		results = append(results, r)
		return err
	})
	if err != nil {
		return err
	}
	if err := g.writeValidated(results); err != nil {
		return err
	}
	if len(bad) > 0 {
		return run.WithCode(run.CodeBadInput, fmt.Errorf("nginx refuses the configuration of %s; the gateway that runs was not touched", strings.Join(bad, ", ")))
	}
	return nil
}

func (g *Gateway) writeValidated(results []Validated) error {
	if g.Settings.Options.Format == "json" {
		return writeJSON(g.Out, results)
	}
	for _, r := range results {
		word := "valid"
		if r.Problem != "" {
			word = "NOT VALID"
		}
		if _, err := fmt.Fprintf(g.Out, "%-8s  %-9s  %s (%s)\n", r.Env, word, r.Version, r.Image); err != nil {
			return err
		}
		if r.Problem != "" {
			if _, err := fmt.Fprintf(g.Out, "\n%s\n", r.Problem); err != nil {
				return err
			}
		}
	}
	return nil
}

// validate checks one environment.
func (g *Gateway) validate(ctx context.Context, source Tree, s *env.Settings) (Validated, error) {
	v, err := Values(s)
	if err != nil {
		return Validated{}, err
	}
	ref, err := g.nginxImage(ctx, s)
	if err != nil {
		return Validated{}, err
	}
	tree, err := Generation(source, v)
	if err != nil {
		return Validated{}, err
	}
	said, version, err := g.nginxTest(ctx, ref, tree, v)
	if err != nil {
		return Validated{}, err
	}
	return Validated{Env: s.Env, Image: ref, Version: version, Problem: explain(said, tree)}, nil
}

// nginxImage is the image whose nginx will run: a given one, or the base that the
// gateway's own image is made from. The base, because that image holds the configuration
// and cannot be built with one that is wrong.
func (g *Gateway) nginxImage(ctx context.Context, s *env.Settings) (string, error) {
	name := "nginx-base"
	if s.Gateway.Image != "" {
		name = image.Gateway
	}
	list, err := image.Build(ctx, image.BuildOptions{Settings: s, Engine: g.Engine, Err: g.Err, Names: []string{name}, Stage: image.StageProd})
	if err != nil {
		return "", err
	}
	return list[0].Ref, nil
}

// nginxTest runs nginx -t on the tree and returns what it said when it refused; said is
// empty for a valid one.
func (g *Gateway) nginxTest(ctx context.Context, ref string, tree Tree, v render.Values) (said, version string, err error) {
	files := tree.entries(strings.TrimPrefix(current, "/"), 0o644)
	if cert, key := v.CertFiles(); cert != "" {
		// Any pair will do: whether the real one is right is checked where it comes from.
		names := v.Domains
		if len(names) == 0 {
			names = []string{"localhost"}
		}
		certPEM, keyPEM, err := certs.Placeholder(names, time.Now())
		if err != nil {
			return "", "", err
		}
		pair := Tree{strings.TrimPrefix(cert, "/"): certPEM, strings.TrimPrefix(key, "/"): keyPEM}
		files = append(files, pair.entries("", 0o644)...)
	}
	archive, err := engine.Tar(files...)
	if err != nil {
		return "", "", err
	}
	var out, errs bytes.Buffer
	err = g.Engine.RunOnce(ctx, engine.Spec{
		Image: ref, Labels: g.labels(), Content: archive,
		// As root, and without any network: the test opens the ports that it will listen on, and it writes its
		// temporary folders to a layer that goes with the container.
		User: "0:0", Entrypoint: []string{"sh", "-c", `nginx -v 2>&1; exec nginx -e stderr -t -c "$1"`, "sh", current + "/nginx.conf"},
		CapDrop: []string{"ALL"}, CapAdd: []string{"NET_BIND_SERVICE", "DAC_OVERRIDE", "CHOWN", "SETUID", "SETGID"},
		NoNewPrivileges: true,
	}, engine.Streams{Out: &out, Err: &errs})
	version = strings.TrimPrefix(strings.TrimSpace(out.String()), "nginx version: ")
	var exit *engine.ExitError
	switch {
	case err == nil:
		return "", version, nil
	case errors.As(err, &exit) && strings.Contains(errs.String(), "test failed"):
		return errs.String(), version, nil
	}
	return "", "", err
}

func (g *Gateway) labels() map[string]string {
	l := map[string]string{"drydock.check": "nginx"}
	for k, v := range g.Labels {
		l[k] = v
	}
	return l
}

// ports are the ports of the container that nginx listens on.
func ports(v render.Values) []int {
	list := []int{render.HTTPPort}
	if v.TLS != "off" {
		list = append(list, render.HTTPSPort)
	}
	return slices.Clip(list)
}
