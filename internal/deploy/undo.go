package deploy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"drydock/internal/compose"
	"drydock/internal/lease"
	"drydock/internal/run"
)

// failed puts all back after a step that failed or was stopped, records it, and says what
// is so now.
func (w *work) failed(ctx context.Context, step Step, cause error) error {
	return w.failedWith(ctx, step, cause, w.putBack)
}

// failedWith is failed with the way to put things back.
func (w *work) failedWith(ctx context.Context, step Step, cause error, putBack func(context.Context) (switched bool, err error)) error {
	d := w.d
	cause = maskedError{d.masked(cause.Error()), cause}
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	if step == Prune || step == PostHook {
		w.postHook(clean, Live)
		return cause // the release serves, and that is recorded and told
	}
	if w.lock.Lost() {
		// Somebody else may hold it by now. What is half done is found by the journal.
		if !errors.Is(cause, lease.ErrLost) {
			why := context.Cause(ctx)
			if !errors.Is(why, lease.ErrLost) {
				why = lease.ErrLost
			}
			cause = fmt.Errorf("%w: %w", why, cause)
		}
		cause = fmt.Errorf("%w; nothing was put back, since somebody else may be at it: the next %s looks at what is so and goes on from there", cause, d.deployAgain())
		_ = w.end(clean, Stuck, cause) // said already
		return fmt.Errorf("%s of %s did not succeed: %w", w.kind, w.release, cause)
	}
	var sig *run.SignalError
	stopped := errors.As(context.Cause(ctx), &sig)
	if stopped {
		d.say("stopping: %v; putting back what was begun (a second signal ends this at once)", sig)
	}
	switched, err := putBack(clean)
	outcome, result := w.outcome(switched, stopped, err)
	if outcome == Stuck {
		// What was asked for comes first; that this failed, too, is for the record as well.
		cause, result = fmt.Errorf("%w\n%s", cause, result), ""
		// Putting back may have used up its time.
		var more context.CancelFunc
		clean, more = context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
		defer more()
	}
	_ = w.end(clean, outcome, cause) // said already
	if result != "" {
		result = "\n" + result
	}
	return fmt.Errorf("%s of %s did not succeed: %w%s", w.kind, w.release, cause, result)
}

// outcome says how a failed deploy ended, and what is so now.
func (w *work) outcome(switched, stopped bool, err error) (outcome Outcome, result string) {
	switch {
	case stopped:
		outcome = Undone
	case switched:
		outcome = Returned
	default:
		outcome = Failed
	}
	switch {
	case errors.Is(err, errNoOld):
		// It serves, since nothing else could.
		return Finished, fmt.Sprintf("there is no earlier release to go back to: %s serves", w.release)
	case err != nil:
		return Stuck, fmt.Sprintf("putting all back failed, too: %v; look: %s; the next %s tries it again", w.d.masked(err.Error()), w.d.Stack.DeployCommand("deploy:status"), w.d.deployAgain())
	case w.journal.From.Version == "" && !w.now.Colour(w.journal.To.Other()).Well():
		result = "there is no earlier release that could serve"
	case w.now.Colour(w.journal.To.Other()).Astray:
		result = fmt.Sprintf("%s runs, but listens elsewhere than the gateway asks, so the site is away: set back what was changed, then %s; or mend the release, then %s",
			orUnnamed(w.journal.From.Version), w.d.Stack.Command("up"), w.d.deployAgain())
	case switched:
		result = fmt.Sprintf("%s serves again", orUnnamed(w.journal.From.Version))
	default:
		result = fmt.Sprintf("%s serves as before", orUnnamed(w.journal.From.Version))
	}
	if w.tried {
		result += fmt.Sprintf("; the containers of %s are stopped and kept, to be looked at: docker ps --all --filter label=%s=%s", w.release.Version, compose.LabelRelease, w.release.ID)
	}
	return outcome, result
}

// deployAgain is the command that puts in order what was left.
func (d *Deployer) deployAgain() string {
	return d.Stack.DeployCommand("deploy:" + string(d.Stack.Settings.Mode))
}

func orUnnamed(version string) string {
	if version == "" {
		return "the old release"
	}
	return version
}

// errNoOld is a release that serves alone.
var errNoOld = errors.New("the old colour does not run")

// putBack makes the old colour serve, if it does not, and ends the new one. It looks at
// what is so first, and can be done again.
func (w *work) putBack(ctx context.Context) (switched bool, err error) {
	now, err := w.d.look(ctx)
	if err != nil {
		return false, err
	}
	to := w.journal.To
	live, err := w.d.gateway().Live(ctx)
	if err != nil {
		return false, err
	}
	met := now.Canary > 0 // users met the new release
	if now.Canary > 0 {
		if err := live.Canary(ctx, paint(to), 0); err != nil {
			return false, err
		}
	}
	if now.Active == to {
		old := now.Colour(to.Other())
		if old.Running == 0 {
			return false, errNoOld
		}
		if _, err := live.Switch(ctx, paint(to.Other())); err != nil {
			return false, fmt.Errorf("switching back to %s: %w", to.Other(), err)
		}
		w.d.say("switched back to %s", to.Other())
		met, switched = true, true
	}
	// A rollback's containers were warm; they stay what they were.
	if !w.tried || w.kind == KindRollback && !switched && !met && now.Colour(to).Well() {
		return switched, nil
	}
	if met {
		if err := w.d.drain(ctx); err != nil {
			return switched, err
		}
	}
	if err := w.d.stop(ctx, to, w.release.ID); err != nil {
		return switched, err
	}
	return switched || met, nil
}

// recover finishes or undoes what a killed deploy left.
func (w *work) recover(ctx context.Context) error {
	d := w.d
	if err := d.orphans(ctx, 5*time.Minute); err != nil {
		return err
	}
	now, err := d.look(ctx)
	if err != nil {
		return err
	}
	w.now = now
	j := w.memory.Current
	what := judgeDead(j, now)
	if what == nothing {
		if now.Canary > 0 {
			d.say("a canary is left over; ending it")
			return w.endCanary(ctx)
		}
		return nil
	}
	d.step(Recover, fmt.Sprintf("%s of %s was killed at the step %q", j.Kind, j.Release, j.Step))
	old := *w
	old.kind, old.release, old.journal, old.tried = j.Kind, j.Release, *j, true
	switch what {
	case finish:
		d.say("%s serves and is well: that stays", j.Release)
		err = old.keep(ctx, Finished, nil)
	default:
		if now.Gateway {
			if _, err = old.putBack(ctx); err != nil {
				return err
			}
		} else if err = d.stop(ctx, j.To, j.Release.ID); err != nil {
			return err
		}
		d.say("put back: %s is stopped", j.Release)
		err = old.keep(ctx, Interrupted, nil)
	}
	if err != nil {
		return err
	}
	w.memory = old.memory
	w.memory.Current = nil
	w.now, err = d.look(ctx)
	return err
}

func (w *work) endCanary(ctx context.Context) error {
	live, err := w.d.gateway().Live(ctx)
	if err != nil {
		return err
	}
	if err := live.Canary(ctx, "", 0); err != nil {
		return err
	}
	w.now, err = w.d.look(ctx)
	return err
}
