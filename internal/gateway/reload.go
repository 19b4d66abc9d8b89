package gateway

import (
	"context"
	"fmt"
	"strings"

	"drydock/internal/run"
)

// Reload makes the checkout's configuration live in the running gateway, without a
// restart. It is checked twice before: by nginx in a container of its own, where a
// mistake is explained with our files' names, and by the supervisor, which also confirms
// that the new generation serves and goes back if its workers die. The next image's own
// configuration takes its place.
func (g *Gateway) Reload(ctx context.Context) error {
	live, err := g.Live(ctx)
	if err != nil {
		return err
	}
	source, err := Source(g.Settings.Root)
	if err != nil {
		return err
	}
	r, err := g.validate(ctx, source, g.Settings)
	if err != nil {
		return err
	}
	if r.Problem != "" {
		return run.WithCode(run.CodeBadInput, fmt.Errorf("nginx refuses the configuration; the gateway goes on with the one that it has\n%s", strings.TrimRight(r.Problem, "\n")))
	}
	said, err := live.Load(ctx, source)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(g.Out, said)
	return err
}

// Maintenance answers everything but health checks with 503 (on), or ends that (off). No
// reload takes place, and it outlives a restart.
func (g *Gateway) Maintenance(ctx context.Context, on bool) error {
	live, err := g.Live(ctx)
	if err != nil {
		return err
	}
	word := "off"
	if on {
		word = "on"
	}
	if _, err := live.call(ctx, nil, "maintenance", word); err != nil {
		return err
	}
	_, err = fmt.Fprintf(g.Out, "maintenance of %s (%s) is %s\n", g.Settings.Project, g.Settings.Env, word)
	return err
}

// Status shows what the running gateway says about itself.
func (g *Gateway) Status(ctx context.Context) error {
	live, err := g.Live(ctx)
	if err != nil {
		return err
	}
	args := []string{"state"}
	if g.Settings.Options.Format == "json" {
		args = append(args, "--json")
	}
	text, err := live.call(ctx, nil, args...)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(g.Out, text)
	return err
}
