package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/gateway"
	"drydock/internal/image"
)

// base makes sure that what both colours share runs, and loads nginx's configuration if
// that is what differs.
func (w *work) base(ctx context.Context) error {
	drift, err := w.d.Stack.EnsureBase(ctx, w.values)
	if err != nil {
		return err
	}
	if w.d.turn == "" { // the gateway is new, and would go by who is there: soon both colours are
		if err := w.d.takeOver(ctx, w.values.Refs.Redis); err != nil {
			return err
		}
	}
	loaded, err := w.loadNginx(ctx)
	if err != nil {
		return err
	}
	for _, x := range drift {
		if x.Service == "gateway" && loaded {
			x.What += "; its configuration of nginx is live"
		}
		which := ""
		if x.Interrupts() {
			which = ", which interrupts the site"
		}
		w.d.say("%s was left as it is: it %s; to change it%s: %s", x.Service, x.What, which, w.d.Stack.Command("up"))
	}
	w.now, err = w.d.look(ctx)
	return err
}

// loadNginx makes the checkout's configuration live if the gateway has another one.
func (w *work) loadNginx(ctx context.Context) (bool, error) {
	g := w.d.gateway()
	live, err := g.Live(ctx)
	if err != nil {
		return false, err
	}
	source, err := gateway.Source(w.d.Stack.Settings.Root)
	if err != nil {
		return false, err
	}
	have, err := live.Workers(ctx)
	if err != nil {
		return false, err
	}
	c, err := w.d.Stack.Engine.Container(ctx, live.Container)
	if err != nil {
		return false, err
	}
	if w.sameNginx(have, c, source) {
		return have.Pushed != "", nil
	}
	w.d.say("nginx's configuration differs from the one that is live: loading it")
	_, err = live.Load(ctx, source)
	return err == nil, err
}

// sameNginx says whether the gateway's configuration is the checkout's. A gateway of the
// user's own has a configuration of its own.
func (w *work) sameNginx(have gateway.Workers, c engine.Container, source gateway.Tree) bool {
	if w.d.Stack.Settings.Gateway.Image != "" || have.Pushed == source.Sum() {
		return true
	}
	return have.Pushed == "" && c.Image == w.values.Refs.Gateway
}

// unchanged says whether what serves is what is wanted, and well.
func (w *work) unchanged() bool {
	active := w.now.Colour(w.now.Active)
	return active.Release != "" && active.Well() && active.Fingerprint == w.release.Fingerprint.Sum && w.now.Canary == 0
}

// drain waits until the workers of nginx that may still send requests to the idle colour
// have ended, or DRAIN since the last change is over. An event stream holds its worker;
// its page comes back by itself when its container says goodbye.
func (d *Deployer) drain(ctx context.Context) error {
	live, err := d.gateway().Live(ctx)
	if err != nil {
		return err
	}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	begin := time.Now()
	for {
		w, err := live.Workers(ctx)
		if err != nil {
			return err
		}
		// The clock is the gateway's, which is as good as ours or the engine's. In doubt the
		// wait is our own.
		since := time.Since(w.Changed)
		if since < 0 || w.Changed.IsZero() {
			since = time.Since(begin)
		}
		if w.Old == 0 || since > d.Stack.Settings.Deploy.Drain {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// startsAgain says whether the containers of a colour are those of the release, and would be
// reached as they are.
func (w *work) startsAgain(c Colour) bool {
	return c.Release == w.release.ID && c.Containers == w.wanted() && !c.Astray
}

// start brings up the containers of the idle colour: those of the release if they are
// there and only stopped, else new ones.
func (w *work) start(ctx context.Context) error {
	idle := w.now.Colour(w.journal.To)
	if w.kind == KindRollback && w.startsAgain(idle) {
		for _, id := range idle.IDs {
			if err := w.d.Stack.Engine.Start(ctx, id); err != nil {
				return err
			}
		}
		return nil
	}
	return w.d.Stack.Runner().Start(ctx, compose.App(w.d.Stack.Settings, w.releaseValues()))
}

// wanted is how many containers a colour has.
func (w *work) wanted() int {
	s := w.d.Stack.Settings
	return s.Backend.Replicas + s.Frontend.Replicas
}

// change switches, and notes how the old release did until then.
func (w *work) change(ctx context.Context) error {
	live, err := w.d.gateway().Live(ctx)
	if err != nil {
		return err
	}
	if w.old, err = w.baseline(ctx, live); err != nil {
		return err
	}
	said, err := live.Switch(ctx, paint(w.journal.To))
	if err != nil {
		return err
	}
	w.d.say("%s", strings.TrimSpace(said))
	if now, err := live.Workers(ctx); err == nil { // for the record only
		w.journal.Switch = now.Confirm.Milliseconds()
	}
	return nil
}

// settle ends the old colour if it is not to stay warm, or is not well: one that crashes again and
// again would do so for ever, and going back to it would not be quicker. What goes wrong here does
// not undo a release that serves.
func (w *work) settle(ctx context.Context) error {
	to := w.journal.To.Other()
	now, err := w.d.look(ctx)
	if err != nil {
		w.d.say("looking how the old colour is: %v", err)
		now = w.now
	}
	if why := notWarm(w.d.Stack.Settings.Deploy.KeepWarm, now.Colour(to), time.Now()); why != "" {
		if err := w.d.drain(ctx); err != nil {
			return err
		}
		if why != notWanted {
			w.d.say("stopping %s, which %s", to, why)
		}
		if err := w.d.stop(ctx, to, ""); err != nil {
			w.d.say("stopping the old colour: %v", err)
		}
	}
	if w.kind == KindDeploy {
		if err := w.d.Stack.DropOld(ctx, w.values); err != nil {
			w.d.say("removing volumes that are not used any more: %v", err)
		}
	}
	return nil
}

// notWanted is why a colour does not stay warm where none shall.
const notWanted = "is not wanted any more"

// crashedLately is how long a colour has to go without ending by itself before it is trusted: one
// that crashes again and again is healthy in between, and the engine waits up to a minute.
const crashedLately = 10 * time.Minute

// notWarm says why the old colour does not stay warm; "" when it does.
func notWarm(keep bool, old Colour, at time.Time) string {
	switch {
	case old.Containers == 0:
		return ""
	case !keep:
		return notWanted
	case !old.Well():
		return fmt.Sprintf("is not well: %d of %d containers are healthy", old.Healthy, old.Containers)
	case old.Restarts > 0 && at.Sub(old.Crashed) < crashedLately:
		return fmt.Sprintf("has ended by itself %d times, and lately", old.Restarts)
	}
	return ""
}

// keep writes down what became of the release, and tells it.
func (w *work) keep(ctx context.Context, o Outcome, cause error) error {
	if err := w.record(ctx, o, cause); err != nil {
		return err
	}
	w.notify(ctx, o, cause)
	return nil
}

// end is the end of a deploy that did not succeed, or whose release serves whatever becomes of
// its record: it is written down where that is possible, always told, and the hook runs.
func (w *work) end(ctx context.Context, o Outcome, cause error) error {
	var err error
	if !w.lock.Lost() { // else the state is somebody else's
		if err = w.record(ctx, o, cause); err != nil {
			w.d.say("%v", err)
		}
	}
	w.notify(ctx, o, cause)
	w.postHook(ctx, o)
	return err
}

// record writes down what became of the release.
func (w *work) record(ctx context.Context, o Outcome, cause error) error {
	rec := w.journal.record(o, time.Now().UTC(), cause)
	if o == Live || o == Finished {
		r := w.journal.Release
		r.Live, r.Left = time.Now().UTC(), false
		w.memory.Releases = w.memory.Releases.with(r, w.d.Stack.Settings.Image.Keep, w.journal.From.ID)
		// Ids begin with their time. Going forward again takes back that something was bad.
		if w.kind == KindRollback && r.ID < w.journal.From.ID {
			w.memory.Releases = w.memory.Releases.leave(w.journal.From.ID)
		}
		if err := putJSON(ctx, w.lock, releasesFile, w.memory.Releases); err != nil {
			return err
		}
	}
	w.memory.History = w.memory.History.with(rec)
	if err := w.lock.put(ctx, historyFile, w.memory.History.encode()); err != nil {
		return err
	}
	if o == Stuck {
		return nil // the next deploy finds by the journal what is to be put in order
	}
	return w.lock.drop(ctx, currentFile)
}

// prune removes images that nothing needs any more. A full disk is tomorrow's outage; a
// failure to prune is only told.
func (w *work) prune(ctx context.Context) {
	s := w.d.Stack.Settings
	report, err := image.Prune(ctx, w.d.Stack.Engine, image.PruneOptions{
		Rules: image.PruneRules{Prefix: s.Image.Prefix, Keep: s.Image.Keep, Pinned: w.memory.Releases.images()},
	})
	if err != nil {
		w.d.say("removing old images: %v", err)
	}
	n := 0
	for _, i := range report.Images {
		if i.Action == "remove" {
			n++
		}
	}
	if n > 0 {
		w.d.say("removed %d old images", n)
	}
}

// stop ends the containers of a colour and keeps them, to be looked at. With a release
// only that one's: what was there before may be warm and wanted.
func (d *Deployer) stop(ctx context.Context, c compose.Colour, release string) error {
	list, err := d.colourContainers(ctx, c)
	if err != nil {
		return err
	}
	var wait sync.WaitGroup
	errs := make([]error, len(list))
	for i, in := range list {
		if release != "" && in.Labels[compose.LabelRelease] != release {
			continue
		}
		if in.State == engine.Created { // it never ran: there is nothing to look at
			wait.Go(func() { errs[i] = d.Stack.Engine.Remove(ctx, in.ID) })
			continue
		}
		wait.Go(func() { errs[i] = d.Stack.Engine.Stop(ctx, in.ID, 0) })
	}
	wait.Wait()
	return errors.Join(errs...)
}

// orphans ends and removes one-shot containers that a killed deploy left: its migrations.
// One that runs is given its time: the database undoes what is cut off, but why cut.
func (d *Deployer) orphans(ctx context.Context, bound time.Duration) error {
	for _, c := range []compose.Colour{compose.Blue, compose.Green} {
		list, err := d.colourContainers(ctx, c)
		if err != nil {
			return err
		}
		for _, in := range list {
			if in.Labels["com.docker.compose.oneoff"] != "True" {
				continue
			}
			if in.State == engine.Running {
				d.say("the migrations of the killed deploy still run; waiting for them")
				waiting, cancel := context.WithTimeout(ctx, bound)
				_, err := d.Stack.Engine.WaitExit(waiting, in.ID)
				cancel()
				if err != nil && ctx.Err() != nil {
					return fmt.Errorf("waiting for migrations: %w", context.Cause(ctx))
				}
			}
			if err := d.Stack.Engine.Remove(ctx, in.ID); err != nil {
				return err
			}
		}
	}
	return nil
}
