package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"drydock/internal/engine"
	"drydock/internal/gateway"
	"drydock/internal/stack"
)

// Difference is what a deploy would change; the JSON names are stable.
type Difference struct {
	From       string        `json:"from"` // version that serves; "" for none
	To         string        `json:"to"`
	Nothing    bool          `json:"nothing"` // the deploy would say that there is nothing to do
	Images     []Change      `json:"images"`
	Settings   []Change      `json:"settings"`
	Compose    bool          `json:"compose"` // the compose files of the apps differ
	Nginx      string        `json:"nginx"`   // what would become of the gateway's configuration
	Base       []stack.Drift `json:"base"`    // what up would change, and a deploy does not
	Starts     []string      `json:"starts"`  // services that both colours share, do not run, and would be started
	Migrations []string      `json:"migrations"`
	Problem    string        `json:"problem,omitempty"` // why the deploy would be refused
	Steps      []Step        `json:"steps"`
	Known      bool          `json:"known"` // the settings of the release that serves are remembered
}

// Change is a value before and after. Secrets are shown as names of the volumes that
// hold them, which change when they do.
type Change struct {
	Name string `json:"name"`
	Old  string `json:"old"`
	New  string `json:"new"`
}

// Plan works out what a deploy would change. It builds the images that are missing, which
// changes nothing that runs.
func (d *Deployer) Plan(ctx context.Context) (Difference, error) {
	w, err := d.target(ctx)
	if err != nil {
		return Difference{}, err
	}
	if w.now, err = d.look(ctx); err != nil {
		return Difference{}, err
	}
	if w.memory, err = d.recall(ctx); err != nil {
		return Difference{}, err
	}
	diff := difference(w.now, w.memory, w.release)
	s := d.Stack.Settings
	idle := w.now.Colour(w.now.Active.Other())
	diff.Steps = append([]Step{Preflight, Locked, Base}, plan(situation{
		Kind: KindDeploy, Saves: w.saves(), Migrates: len(s.Backend.Migrate) > 0, Canary: s.Deploy.Canary, Watch: s.Deploy.Watch > 0,
		Warm: idle.Release == w.release.ID, Hooks: [2]bool{len(s.Deploy.PreHook) > 0, len(s.Deploy.PostHook) > 0},
	})...)
	if diff.Nothing {
		diff.Steps = []Step{Preflight, Locked, Base}
	}
	if diff.Base, diff.Starts, err = d.Stack.Drifts(ctx, w.values); err != nil {
		return Difference{}, err
	}
	if diff.Nginx, err = d.nginxDifference(ctx, w); err != nil {
		return Difference{}, err
	}
	var problems []string
	for _, err := range []error{d.reachable(ctx), d.checkNginx(ctx), d.checkMigrations(w.memory, w.release)} {
		if ctx.Err() != nil {
			return Difference{}, context.Cause(ctx)
		}
		if err != nil {
			problems = append(problems, err.Error())
		}
	}
	diff.Problem = strings.Join(problems, "\n")
	return diff, nil
}

// difference is the pure part.
func difference(now Situation, m memory, to Release) Difference {
	active := now.Colour(now.Active)
	d := Difference{
		From: active.Version, To: to.Version, Images: []Change{}, Settings: []Change{}, Base: []stack.Drift{}, Starts: []string{}, Migrations: []string{},
		Nothing: active.Release != "" && active.Well() && active.Fingerprint == to.Fingerprint.Sum && now.Canary == 0,
	}
	from, known := m.Releases.find(active.Release)
	d.Known = known || active.Containers == 0
	for _, i := range []struct {
		name     string
		old, now Image
	}{{"backend", from.Backend, to.Backend}, {"frontend", from.Frontend, to.Frontend}} {
		if i.old.Key != i.now.Key {
			d.Images = append(d.Images, Change{i.name, i.old.Ref, i.now.Ref})
		}
	}
	all := maps.Clone(to.Fingerprint.Values)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, from.Fingerprint.Values)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if a, b := from.Fingerprint.Values[name], to.Fingerprint.Values[name]; a != b {
			d.Settings = append(d.Settings, Change{name, a, b})
		}
	}
	d.Compose = from.Fingerprint.Files != to.Fingerprint.Files
	if names, _, _ := pending(m, to.Migrations); len(names) > 0 {
		d.Migrations = names
	}
	return d
}

func (d *Deployer) nginxDifference(ctx context.Context, w *work) (string, error) {
	live, err := d.gateway().Live(ctx)
	if errors.Is(err, gateway.ErrNotRunning) {
		return "the gateway does not run and would be started", nil
	}
	if err != nil {
		return "", err
	}
	source, err := gateway.Source(d.Stack.Settings.Root)
	if err != nil {
		return "", err
	}
	have, err := live.Workers(ctx)
	if err != nil {
		return "", err
	}
	c, err := d.Stack.Engine.Container(ctx, live.Container)
	if errors.Is(err, engine.ErrNotFound) {
		return "the gateway does not run and would be started", nil
	}
	if err != nil {
		return "", err
	}
	if w.sameNginx(have, c, source) {
		return "", nil
	}
	return "the checkout's configuration differs and would be loaded, without a restart", nil
}

// ShowPlan writes what a deploy would change.
func (d *Deployer) ShowPlan(ctx context.Context) error {
	if err := d.notOnSwarm("deploy:plan", "deploy:prod replaces only what differs, and deploy:status shows what runs"); err != nil {
		return err
	}
	diff, err := d.Plan(ctx)
	if err != nil {
		return err
	}
	if d.Stack.Settings.Options.Format == "json" {
		return writeJSON(d.Stack.Out, diff)
	}
	return diff.WriteText(d.Stack.Out)
}

// WriteText writes it for a person.
func (diff Difference) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s -> %s\n", orNothing(diff.From), diff.To)
	if diff.Nothing {
		b.WriteString("\nNothing to do: these images and settings serve already.\n")
	} else if !diff.Known {
		b.WriteString("\nWhat serves now was not started by a deploy, so its settings are not known.\n")
	}
	section := func(title string, list []Change) {
		if len(list) == 0 {
			return
		}
		fmt.Fprintf(&b, "\n%s\n", title)
		for _, c := range list {
			fmt.Fprintf(&b, "  %s: %s -> %s\n", c.Name, orNothing(c.Old), orNothing(c.New))
		}
	}
	if !diff.Nothing {
		section("Images", diff.Images)
		if diff.Known && diff.From != "" {
			section("Settings", diff.Settings)
			if diff.Compose {
				b.WriteString("\nThe compose files of the apps have changed.\n")
			}
		}
		if len(diff.Migrations) > 0 {
			fmt.Fprintf(&b, "\nMigrations\n  %s\n", strings.Join(diff.Migrations, "\n  "))
		}
	}
	if len(diff.Starts) > 0 {
		fmt.Fprintf(&b, "\nStarted by the deploy\n  %s\n", strings.Join(diff.Starts, "\n  "))
	}
	if diff.Nginx != "" && !slices.Contains(diff.Starts, "gateway") {
		fmt.Fprintf(&b, "\nnginx: %s\n", diff.Nginx)
	}
	if len(diff.Base) > 0 {
		b.WriteString("\nNot changed by a deploy, but by up\n")
		for _, x := range diff.Base {
			fmt.Fprintf(&b, "  %s %s\n", x.Service, x.What)
		}
	}
	var steps []string
	for _, s := range diff.Steps {
		steps = append(steps, string(s))
	}
	fmt.Fprintf(&b, "\nSteps: %s\n", strings.Join(steps, ", "))
	if diff.Problem != "" {
		fmt.Fprintf(&b, "\nIT WOULD BE REFUSED: %s\n", diff.Problem)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func orNothing(s string) string {
	if s == "" {
		return "(nothing)"
	}
	return s
}
