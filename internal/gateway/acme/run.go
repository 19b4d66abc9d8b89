package acme

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Run keeps the certificate fresh until the context ends, and then returns nil. It looks
// at the start, then daily or when a renewal is due, and after a failure as next says.
// onChange is called after the pair changed (it reloads nginx); when it fails the pair
// stays, and onChange is called again until it succeeds.
//
// The plan is compared with the wall clock every few seconds: a machine that slept, or
// whose clock was set, is not late by what a timer still had to wait.
func (m *Manager) Run(ctx context.Context, onChange func(context.Context) error) error {
	if err := m.begin(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	r := &runner{m: m, onChange: onChange, jitter: rand.Float64()}
	tick := time.NewTicker(m.timing.tick)
	defer tick.Stop()
	r.hand(ctx)
	for {
		r.step(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// begin makes Run work without Prepare, and after one that failed: the caller then has
// nothing in use, so that even what was there already is handed over.
func (m *Manager) begin(ctx context.Context) error {
	m.mu.Lock()
	prepared := m.served != ""
	m.mu.Unlock()
	if prepared {
		return nil
	}
	_, err := m.prepare(ctx)
	return err
}

// runner is what Run remembers from step to step.
type runner struct {
	m        *Manager
	onChange func(context.Context) error
	jitter   float64

	handed  int       // failed calls of onChange in a row
	handAt  time.Time // not before
	planned time.Time // what the status says
}

func (r *runner) step(ctx context.Context) {
	m := r.m
	if now := wall(m.o.Now()); !next(now, m.Status(), r.jitter).After(now) {
		if _, err := m.Ensure(ctx); err != nil && ctx.Err() == nil {
			m.o.Log.Error("The certificate is not renewed", "error", err, "domains", domainsOf(err), "failures", m.Status().Failures)
		}
		r.jitter = rand.Float64()
	}
	r.hand(ctx)
	if ctx.Err() != nil {
		return
	}
	if at := next(wall(m.o.Now()), m.Status(), r.jitter); !at.Equal(r.planned) {
		r.planned = at
		m.change(func(s *Status) { s.NextAttempt = at })
	}
}

// hand gives the pair in the store to the caller, unless it has it already. It compares
// serials instead of trusting what Ensure said, so that what another process published,
// or what was left over from a failed call, is handed over, too.
func (r *runner) hand(ctx context.Context) {
	m := r.m
	now := wall(m.o.Now())
	wait := min(m.timing.handMax, m.timing.handMin<<min(max(0, r.handed-1), 20))
	if r.handAt.After(now.Add(wait)) {
		r.handAt = now // the clock was set back
	}
	m.mu.Lock()
	have, served := m.status.Serial, m.served
	m.mu.Unlock()
	if have == "" || have == served || now.Before(r.handAt) || ctx.Err() != nil {
		return
	}
	if err := r.onChange(ctx); err != nil {
		if errors.Is(err, context.Canceled) && ctx.Err() != nil {
			return
		}
		r.handed++
		wait := min(m.timing.handMax, m.timing.handMin<<min(r.handed-1, 20))
		r.handAt = now.Add(wait)
		m.o.Log.Error("The new certificate is stored but not in use yet; it is tried again", "in", wait, "error", err)
		return
	}
	m.mu.Lock()
	m.served = have
	m.mu.Unlock()
	r.handed, r.handAt = 0, time.Time{}
}

// wall drops the monotonic reading: what is planned is a date, and a sleeping machine's
// monotonic clock stands still.
func wall(t time.Time) time.Time { return t.Round(0) }
