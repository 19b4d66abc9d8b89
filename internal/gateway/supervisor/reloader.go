package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Reloader makes changes live, one generation at a time.
type Reloader struct {
	server      Server
	generations *generations
	source      func(*Pushed) string // folder of the tree that a state wants
	certificate func() bool          // whether there is one
	save        func(State) error
	maxOld      int
	pace        Pace
	log         *slog.Logger
	done        func(Result) // hears of each attempt
	lost        func(error)  // hears that not even the generation of before serves

	wishes chan wish
	taken  int64 // the newest turn; Run's alone

	mu    sync.Mutex
	state State
	last  Result
}

type wish struct {
	change Change
	turn   bool // a turn is all that is wanted
	answer chan outcome
}

type outcome struct {
	result Result
	turn   int64
	err    error
}

// State is the one that serves.
func (r *Reloader) State() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// Last is the last attempt; zero before the first.
func (r *Reloader) Last() Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// Do makes a change and waits until a generation that includes it was confirmed, or is
// refused. A context that ends stops the waiting only.
func (r *Reloader) Do(ctx context.Context, c Change) (Result, error) {
	o := r.ask(ctx, wish{change: c})
	return o.result, o.err
}

// Turn is the right to make changes, until somebody else takes it: then changes with an older
// one are refused. When it is given, every change of before is made or refused. So who goes on
// with another's work need not fear what the other has asked for and not seen done: a process
// that is killed has its commands in the gateway's container still on their way.
func (r *Reloader) Turn(ctx context.Context) (int64, error) {
	o := r.ask(ctx, wish{change: Change{Reason: "a turn"}, turn: true})
	return o.turn, o.err
}

func (r *Reloader) ask(ctx context.Context, w wish) outcome {
	w.answer = make(chan outcome, 1)
	select {
	case r.wishes <- w:
	case <-ctx.Done():
		return outcome{err: fmt.Errorf("waiting for the gateway to take up %q: %w", w.change.Reason, ctx.Err())}
	}
	select {
	case o := <-w.answer:
		return o
	case <-ctx.Done():
		return outcome{err: fmt.Errorf("waiting for the gateway's answer to %q: %w; it goes on", w.change.Reason, ctx.Err())}
	}
}

// Run takes changes until the context ends.
func (r *Reloader) Run(ctx context.Context) {
	for {
		var batch []wish
		select {
		case <-ctx.Done():
			return
		case w := <-r.wishes:
			batch = append(batch, w)
		}
		merge := time.NewTimer(r.pace.Merge)
		for collecting := true; collecting; {
			select {
			case w := <-r.wishes:
				batch = append(batch, w)
			case <-merge.C:
				collecting = false
			case <-ctx.Done():
				collecting = false
			}
		}
		r.batch(ctx, batch)
	}
}

// batch makes one generation of several changes. If that fails each is tried alone, so
// that a bad one does not take the others down.
func (r *Reloader) batch(ctx context.Context, all []wish) {
	next := r.State()
	var in []wish
	var reasons []string
	defer r.giveTurns(all) // when the changes beside them are made
	for _, w := range all {
		if w.turn {
			continue
		}
		if t := w.change.Turn; t != 0 && t < r.taken {
			w.answer <- outcome{err: WithCode(CodeRefused, fmt.Errorf("%s: somebody else has taken over; nothing was changed", w.change.Reason))}
			continue
		}
		edited := next
		if w.change.Edit != nil {
			if err := w.change.Edit(&edited); err != nil {
				w.answer <- outcome{err: err}
				continue
			}
		}
		next = edited
		in = append(in, w)
		reasons = append(reasons, w.change.Reason)
	}
	if len(in) == 0 {
		return
	}
	res, err := r.apply(ctx, next, strings.Join(reasons, ", "))
	if err != nil && len(in) > 1 && ctx.Err() == nil {
		for _, w := range in {
			r.batch(ctx, []wish{w})
		}
		return
	}
	for _, w := range in {
		w.answer <- outcome{result: res, err: err}
	}
}

// giveTurns answers those who asked for one. A turn is a time, so that it is newer than all that
// a gateway of before gave.
func (r *Reloader) giveTurns(all []wish) {
	for _, w := range all {
		if w.turn {
			r.taken = max(r.taken+1, time.Now().UnixMilli())
			w.answer <- outcome{turn: r.taken}
		}
	}
}

// apply makes a state live, or leaves the present one.
func (r *Reloader) apply(ctx context.Context, next State, reason string) (res Result, err error) {
	before := r.State()
	next.Generation = max(before.Generation, r.Last().Generation) + 1
	res = Result{Generation: next.Generation, Reason: reason, At: time.Now()}
	defer func() {
		res.Total = time.Since(res.At)
		if err != nil {
			res.Error = err.Error()
			r.log.Error("the configuration that served before goes on serving", "reason", reason, "generation", res.Generation, "error", res.Error)
		} else {
			r.log.Info("a new generation serves", "reason", reason, "generation", res.Generation,
				"test", res.Test.String(), "confirm", res.Confirm.String())
		}
		r.mu.Lock()
		r.last = res
		if err == nil {
			r.state = next
		}
		r.mu.Unlock()
		if r.done != nil {
			r.done(res)
		}
	}()
	err = r.generations.make(r.source(next.Pushed), renderState(next, r.certificate()))
	if err == nil {
		began := time.Now()
		err = r.server.Test(ctx, r.generations.dir(next.Generation))
		res.Test = time.Since(began)
	}
	if err != nil {
		return res, errors.Join(err, r.generations.prune(before.Generation))
	}
	began := time.Now()
	v, err := r.bring(ctx, next.Generation)
	if err != nil {
		err = fmt.Errorf("generation %d did not come up, generation %d serves on: %w", next.Generation, before.Generation, err)
		return res, r.backFrom(ctx, err, before.Generation)
	}
	res.Confirm = time.Since(began)
	if err = r.watch(ctx, next.Generation, v); err != nil {
		err = fmt.Errorf("generation %d came up and failed, generation %d serves again: %w", next.Generation, before.Generation, err)
		return res, r.backFrom(ctx, err, before.Generation)
	}
	next.Changed = time.Now().UTC()
	if saveErr := r.save(next); saveErr != nil {
		res.Warning = "it is lost when the container ends: " + saveErr.Error()
		r.log.Error("the new state serves, and is lost when the container ends", "error", saveErr.Error())
	}
	if pruneErr := r.generations.prune(next.Generation); pruneErr != nil {
		r.log.Warn("old generations stay", "error", pruneErr.Error())
	}
	r.TrimOld()
	return res, nil
}

// TrimOld bounds the workers that finish what they have: each holds its memory until
// its last stream ends, which may be never.
func (r *Reloader) TrimOld() {
	all, err := r.server.Workers()
	if err != nil {
		return
	}
	var old []Worker
	for _, w := range all {
		if w.Old {
			old = append(old, w)
		}
	}
	for _, w := range old[:max(0, len(old)-r.maxOld)] { // oldest first
		r.log.Warn("ending the oldest worker of an earlier generation: too many still have open requests",
			"pid", w.Pid, "old_workers", len(old), "limit", r.maxOld)
		if err := r.server.Terminate(w); err != nil {
			r.log.Warn("it does not end", "pid", w.Pid, "error", err.Error())
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
