package deploy

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/lease"
	"drydock/internal/run"
	"drydock/internal/swarm"
)

// This file deploys to a swarm (ENGINE=swarm). What a release is, the lock, the history and
// the checks before are the same; Swarm replaces the tasks, so there is one colour, and its
// watching and return take the place of ours.

// onSwarm says whether releases run on a swarm.
func (d *Deployer) onSwarm() bool { return d.Stack.Settings.Deploy.Engine == env.EngineSwarm }

// notOnSwarm refuses a target.
func (d *Deployer) notOnSwarm(what, instead string) error {
	if !d.onSwarm() {
		return nil
	}
	return run.WithCode(run.CodeBadInput, fmt.Errorf("%s does not apply with ENGINE=swarm; %s", what, instead))
}

func (d *Deployer) swarm() *swarm.Swarm {
	s := d.Stack
	return &swarm.Swarm{
		Engine: s.Engine, Name: s.Settings.Project, Env: s.Settings.Inherited(),
		Folder: s.Settings.Path(filepath.Join(".drydock", "swarm")), Err: s.Err,
	}
}

// runSwarm is run for a swarm.
func (d *Deployer) runSwarm(ctx context.Context, w *work) error {
	d.step(Locked, "")
	lock, dead, err := d.acquire(ctx, w.values.Refs.Redis, w.kind, w.release.Version)
	if err != nil {
		return err
	}
	defer lock.Release()
	if dead != nil {
		d.say("who worked here last has died (%s); what it began is replaced", dead)
	}
	w.lock = lock
	ctx, stop := lock.Guard(ctx)
	defer stop(nil)
	if w.memory, err = d.recall(ctx); err != nil {
		return err
	}
	now, err := d.swarmApps(ctx)
	if err != nil {
		return err
	}
	was := now["backend"].Runs
	same := was[compose.LabelFingerprint] == w.release.Fingerprint.Sum && was[compose.LabelRelease] != ""
	if same {
		// The same thing under another name would be a replacement for nothing.
		w.release.ID, w.release.Version, w.release.Revision = was[compose.LabelRelease], was[compose.LabelVersion], was[compose.LabelRevision]
		w.values.Version = w.release.Version
	}
	w.journal = Journal{
		Kind: w.kind, Release: w.release, To: compose.Blue, Started: time.Now().UTC(), By: d.by(), Host: lease.Host(),
		From: Release{ID: was[compose.LabelRelease], Version: was[compose.LabelVersion], Revision: was[compose.LabelRevision]},
	}
	if !same { // what changes nothing for users has neither a beginning nor an end to tell
		w.notify(ctx, started, nil)
	}
	if err := w.onNodes(ctx, same); err != nil {
		outcome := swarmOutcome(ctx, err)
		if same {
			outcome = ""
		}
		return w.failedOnSwarm(ctx, outcome, err)
	}
	if same {
		d.say("nothing to do for the apps: %s serves with these images and settings", w.release.Version)
	} else if err := w.liveOnSwarm(ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintln(d.Stack.Out, w.release.Version)
	return err
}

// liveOnSwarm ends a deploy whose release serves. That it does not stand in the history
// is an error, and takes nothing away from that.
func (w *work) liveOnSwarm(ctx context.Context) error {
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	if err := w.end(clean, Live, nil); err != nil {
		return fmt.Errorf("%s serves, but that could not be written down: %w", w.release, err)
	}
	w.d.say("%s serves, after %s", w.release, time.Since(w.journal.Started).Round(100*time.Millisecond))
	return nil
}

// failedOnSwarm ends a deploy that failed; without an outcome, one whose beginning was not told.
func (w *work) failedOnSwarm(ctx context.Context, o Outcome, cause error) error {
	cause = maskedError{w.d.masked(cause.Error()), cause}
	if o != "" {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
		defer cancel()
		_ = w.end(clean, o, cause) // said already
	}
	return fmt.Errorf("%s of %s did not succeed: %w", w.kind, w.release, cause)
}

// swarmOutcome is what a failure on a swarm came to.
func swarmOutcome(ctx context.Context, err error) Outcome {
	var sig *run.SignalError
	switch {
	case errors.Is(err, swarm.ErrMixed):
		return Stuck
	case errors.As(context.Cause(ctx), &sig):
		return Undone
	case errors.Is(err, swarm.ErrReturned):
		return Returned
	}
	return Failed
}

// swarmStep is one thing to do, with the name that the narration has.
type swarmStep struct {
	name Step
	when bool
	do   func(context.Context) error
}

// onNodes goes through the steps.
func (w *work) onNodes(ctx context.Context, same bool) error {
	d, s := w.d, w.d.Stack.Settings
	var nodes []*engine.Client
	defer func() {
		for _, n := range nodes {
			_ = n.Close() // connections only
		}
	}()
	var in swarm.Input
	apply := func(ctx context.Context, only ...string) error {
		in.Only = only
		stack, err := swarm.Stack(in)
		if err != nil {
			return err
		}
		return d.swarm().Apply(ctx, stack, s.Deploy.Timeout)
	}
	steps := []swarmStep{
		{PreHook, !same && len(s.Deploy.PreHook) > 0, w.preHook},
		{"nodes", true, func(ctx context.Context) (err error) {
			if err = d.dataNode(ctx); err == nil {
				nodes, err = d.otherNodes(ctx)
			}
			return err
		}},
		{"ship", true, func(ctx context.Context) error { return w.toNodes(ctx, nodes) }},
		{"secrets", true, func(ctx context.Context) (err error) { in, err = w.swarmInput(ctx); return err }},
		{Base, true, func(ctx context.Context) error {
			if err := w.samePassword(ctx, in); err != nil {
				return err
			}
			return apply(ctx, compose.BaseServices(s)...)
		}},
		{Save, !same && w.saves(), w.save},
		{Migrate, !same && len(s.Backend.Migrate) > 0, func(ctx context.Context) error { return w.swarmMigrate(ctx, in) }},
		{"update", true, func(ctx context.Context) error { return apply(ctx) }},
		{Smoke, !same, w.swarmSmoke},
		{Prune, true, func(ctx context.Context) error {
			w.pruneSecrets(ctx, in)
			return w.pruneNodes(ctx, nodes)
		}},
	}
	for _, step := range steps {
		if !step.when {
			continue
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		w.stepped, w.journal.Step = time.Now(), step.name
		d.step(step.name, "")
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		w.leave(step.name)
	}
	return nil
}

// swarmInput is what the stack is made of: the compose projects as compose resolves them.
func (w *work) swarmInput(ctx context.Context) (swarm.Input, error) {
	s := w.d.Stack
	in := swarm.Input{
		Project: s.Settings.Project, Projects: map[string][]byte{},
		Update: swarm.Update{Monitor: max(s.Settings.Deploy.Stable, time.Second).String()},
	}
	var err error
	if in.Secrets, err = s.SwarmSecrets(ctx, w.values.Refs); err != nil {
		return in, err
	}
	w.values.Refs.Migrate = w.values.Refs.Backend
	app := compose.App(s.Settings, w.releaseValues())
	app.Env = append(slices.Clone(app.Env), "COMPOSE_PROFILES=migrate")
	for _, p := range []compose.Project{compose.Base(s.Settings, w.values), app} {
		if in.Projects[p.Name], err = s.Runner().Config(ctx, p); err != nil {
			return in, err
		}
	}
	return in, nil
}

// samePassword refuses another password of the database than its volume has.
func (w *work) samePassword(ctx context.Context, in swarm.Input) error {
	now, err := w.d.swarmApps(ctx)
	if err != nil {
		return err
	}
	for _, x := range in.Secrets["db"] {
		have := now["db"].Runs[swarm.LabelPassword]
		if x.File == "db_password" && have != "" && have != x.Name {
			return run.WithCode(run.CodeBadInput, errors.New("DB_PASSWORD is not the one that the database has, which reads it only when its volume is made; set the old one, or first change it inside (ALTER ROLE) and then remove the service: docker service rm "+w.d.Stack.Settings.Project+"_db"))
		}
	}
	return nil
}

// swarmMigrate runs the migrations to their end, once, somewhere in the swarm.
func (w *work) swarmMigrate(ctx context.Context, in swarm.Input) error {
	name := compose.AppProject(w.d.Stack.Settings, compose.Blue)
	in.Projects = map[string][]byte{name: in.Projects[name]}
	in.Only, in.Commands = []string{"migrate"}, map[string][]string{"migrate": w.d.Stack.Settings.Backend.Migrate}
	stack, err := swarm.Stack(in)
	if err != nil {
		return err
	}
	return w.d.swarm().Job(ctx, "migrate", stack, w.d.Stack.Settings.Deploy.Timeout)
}

// swarmSmoke asks the release through the gateway of this node. It serves already: what it
// answers badly is taken back.
func (w *work) swarmSmoke(ctx context.Context) error {
	live, err := w.d.gateway().Live(ctx)
	if err != nil {
		return err
	}
	// The gateway looks for its members by itself, and may not have found the new ones yet.
	if err = w.pools(ctx, w.wanted()); err == nil {
		err = w.ask(ctx, live, false)
	}
	if err == nil || w.journal.From.ID == "" {
		return err
	}
	if backErr := w.d.swarm().Return(context.WithoutCancel(ctx), w.release.ID); backErr != nil {
		return errors.Join(fmt.Errorf("%w: %w", swarm.ErrMixed, err), backErr)
	}
	return fmt.Errorf("%w: %w", swarm.ErrReturned, err)
}

// swarmApps are the services of the stack.
func (d *Deployer) swarmApps(ctx context.Context) (map[string]engine.Service, error) {
	list, err := d.Stack.Engine.SwarmServices(ctx, d.projectLabel())
	if err != nil {
		return nil, err
	}
	out := map[string]engine.Service{}
	for _, x := range list {
		out[strings.TrimPrefix(x.Name, d.Stack.Settings.Project+"_")] = x
	}
	return out, nil
}
