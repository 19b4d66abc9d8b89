package deploy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"drydock/internal/compose"
	"drydock/internal/gateway"
	"drydock/internal/lease"
	"drydock/internal/run"
	"drydock/internal/stack"
)

// Deployer deploys one environment.
type Deployer struct {
	Stack *stack.Stack

	began time.Time // of the command, for the narration
	turn  string    // in which this deploy changes the gateway; "" is before it has one
}

// undoTimeout bounds what is done after a failure or a Ctrl-C. It is longer than the
// grace that a container may have by default.
const undoTimeout = 3 * time.Minute

// Deploy makes the checkout's release the one that serves. It returns when that is so and
// has been watched, or when the release before serves as if nothing had been.
func (d *Deployer) Deploy(ctx context.Context) (err error) {
	d.began = time.Now()
	defer func() { err = signalled(ctx, err) }()
	if err := d.notHeld(ctx); err != nil {
		return err
	}
	d.step(Preflight, "settings, images, nginx, migrations")
	w, err := d.prepare(ctx)
	if err != nil {
		return err
	}
	if d.onSwarm() {
		return d.runSwarm(ctx, w)
	}
	return d.run(ctx, w)
}

// Rollback makes a release serve that did before: the one that name is the id or the
// version of, or without a name the one before the one that serves.
func (d *Deployer) Rollback(ctx context.Context, name string) (err error) {
	d.began = time.Now()
	defer func() { err = signalled(ctx, err) }()
	if err := d.notHeld(ctx); err != nil {
		return err
	}
	if d.onSwarm() {
		return d.rollBackSwarm(ctx, name)
	}
	w, err := d.prepareRollback(ctx, name)
	if err != nil {
		return err
	}
	return d.run(ctx, w)
}

// work is one deploy, from when it is known what is wanted.
type work struct {
	d       *Deployer
	kind    Kind
	release Release
	values  compose.Values
	lock    held
	memory  memory
	now     Situation
	journal Journal
	old     baseline // how the old release did
	stepped time.Time
	tried   bool // something was started or switched
}

func (d *Deployer) run(ctx context.Context, w *work) error {
	d.step(Locked, "")
	lock, dead, err := d.acquire(ctx, w.values.Refs.Redis, w.kind, w.release.Version)
	if err != nil {
		return err
	}
	defer lock.Release()
	if dead != nil {
		d.say("who worked here last has died (%s); taking over", dead)
	}
	w.lock = lock
	guarded, stop := lock.Guard(ctx)
	defer stop(nil)

	if err = d.takeOver(guarded, w.values.Refs.Redis); err != nil {
		return err
	}
	if w.memory, err = d.recall(guarded); err != nil {
		return err
	}
	if err = w.recover(guarded); err != nil {
		return fmt.Errorf("putting in order what a killed deploy left: %w", err)
	}
	if w.kind == KindDeploy {
		d.step(Base, "")
		if err = w.base(guarded); err != nil {
			return err
		}
		if w.unchanged() {
			return d.nothingToDo(w)
		}
	} else if w.now.Colour(w.now.Active).Release == w.release.ID {
		return run.WithCode(run.CodeBadInput, fmt.Errorf("going back to %s: it is what serves now", w.release))
	}
	return w.perform(guarded)
}

// takeOver makes sure that no deploy of before changes the gateway any more, and that the
// gateway knows which colour is live. image is any that the engine has.
func (d *Deployer) takeOver(ctx context.Context, image string) error {
	live, err := d.gateway().Live(ctx)
	if err == nil {
		d.turn, err = live.TakeTurn(ctx)
	}
	if errors.Is(err, gateway.ErrNotRunning) {
		return nil // its commands have ended with it
	}
	if err != nil {
		return err
	}
	_, err = d.Stack.SettleColour(ctx, image, d.turn)
	return err
}

// perform goes through the plan, and puts all back when a step fails.
func (w *work) perform(ctx context.Context) error {
	d, active := w.d, w.now.Colour(w.now.Active)
	w.journal = Journal{
		Kind: w.kind, Release: w.release, To: w.now.Active.Other(), Started: time.Now().UTC(), By: d.by(), Host: lease.Host(),
		From: Release{ID: active.Release, Version: active.Version, Revision: active.Revision},
	}
	idle := w.now.Colour(w.journal.To)
	s := d.Stack.Settings.Deploy
	steps := plan(situation{
		Kind: w.kind, Saves: w.saves(), Migrates: len(d.Stack.Settings.Backend.Migrate) > 0, Canary: s.Canary, Watch: s.Watch > 0,
		Warm:  idle.Release == w.release.ID && idle.Well() && !idle.Astray,
		Hooks: [2]bool{len(s.PreHook) > 0 && w.kind == KindDeploy, len(s.PostHook) > 0},
	})
	w.notify(ctx, started, nil)
	for _, step := range steps {
		if err := w.enter(ctx, step); err != nil {
			return w.failed(ctx, step, err)
		}
		if err := w.do(ctx, step); err != nil {
			return w.failed(ctx, step, fmt.Errorf("%s: %w", step, err))
		}
		w.leave(step)
	}
	d.say("%s serves (%s), after %s", w.release, w.journal.To, time.Since(w.journal.Started).Round(100*time.Millisecond))
	_, err := fmt.Fprintln(d.Stack.Out, w.release.Version)
	return err
}

// enter writes down which step comes, before anything of it is done.
func (w *work) enter(ctx context.Context, step Step) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	w.stepped = time.Now()
	w.journal.Step, w.journal.Since = step, w.stepped.UTC()
	w.d.step(step, w.detail(step))
	if step == Prune || step == PostHook {
		return nil // the deploy is done and recorded
	}
	return putJSON(ctx, w.lock, currentFile, w.journal)
}

func (w *work) leave(step Step) {
	w.journal.Phases = append(w.journal.Phases, Phase{step, time.Since(w.stepped).Milliseconds()})
}

func (w *work) do(ctx context.Context, step Step) error {
	switch step {
	case PreHook:
		return w.preHook(ctx)
	case Save:
		return w.save(ctx)
	case Migrate:
		w.values.Colour = w.journal.To
		return w.d.Stack.Migrate(ctx, w.values)
	case Drain:
		return w.d.drain(ctx)
	case Start:
		w.tried = true
		return w.start(ctx)
	case Gate:
		return w.gate(ctx)
	case Smoke:
		return w.smoke(ctx)
	case Canary:
		w.tried = true
		return w.canary(ctx)
	case Switch:
		w.tried = true
		return w.change(ctx)
	case Watch:
		return w.watch(ctx)
	case Settle:
		return w.settle(ctx)
	case Keep:
		return w.keep(ctx, Live, nil)
	case Prune:
		w.prune(ctx)
		return nil
	case PostHook:
		w.postHook(ctx, Live)
		return nil
	}
	return fmt.Errorf("there is no step %q", step)
}

// detail is what the narration adds to a step's name.
func (w *work) detail(step Step) string {
	s := w.d.Stack.Settings.Deploy
	switch step {
	case Save:
		return s.Backup
	case Start:
		return fmt.Sprintf("%s on %s", w.release, w.journal.To)
	case Gate:
		return fmt.Sprintf("healthy within %s, and for %s", s.Timeout, s.Stable)
	case Canary:
		return fmt.Sprintf("%d %% of the clients for %s", s.Canary, s.CanaryFor)
	case Switch:
		return "to " + string(w.journal.To)
	case Watch:
		return "for " + s.Watch.String()
	}
	return ""
}

// notHeld fails at once when somebody else deploys, before minutes of building.
func (d *Deployer) notHeld(ctx context.Context) error {
	h, err := d.holder(ctx)
	if err != nil || h == nil || !h.Alive {
		return err
	}
	return d.busy(ctx, *h)
}

// nothingToDo says so.
func (d *Deployer) nothingToDo(w *work) error {
	active := w.now.Colour(w.now.Active)
	d.say("nothing to do: %s serves (%s) with these images and settings", active.Version, active.Name)
	_, err := fmt.Fprintln(d.Stack.Out, active.Version)
	return err
}

// signalled makes the end by a signal what the exit code tells.
func signalled(ctx context.Context, err error) error {
	var sig *run.SignalError
	if err != nil && errors.As(context.Cause(ctx), &sig) {
		return run.WithCode(run.CodeInterrupted, err)
	}
	return err
}

// by is who deploys.
func (d *Deployer) by() string { return lease.By(d.Stack.Settings.Deploy.By) }

func (d *Deployer) projectLabel() map[string]string {
	return map[string]string{stack.LabelProject: d.Stack.Settings.Project}
}

func (d *Deployer) say(format string, args ...any) {
	_, _ = fmt.Fprintf(d.Stack.Err, "deploy: "+format+"\n", args...) // narration; a closed terminal must not stop the work
}

// step announces a step, with the time since the command began.
func (d *Deployer) step(s Step, detail string) {
	if detail != "" {
		detail = ": " + detail
	}
	d.say("%6.1fs  %s%s", time.Since(d.began).Seconds(), s, detail)
}
