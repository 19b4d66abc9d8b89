package supervisor

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// bring switches to a generation and returns when its workers answer. It fails early
// when one of them dies, or when for two seconds there is none at all. What is returned
// goes on watching them.
func (r *Reloader) bring(ctx context.Context, n int) (*vigil, error) {
	ctx, cancel := context.WithTimeout(ctx, r.pace.Confirm)
	defer cancel()
	before, err := r.server.Workers()
	if err != nil {
		return nil, err
	}
	if err := r.turn(n); err != nil {
		return nil, err
	}
	confirmed := make(chan error, 1)
	go func() { confirmed <- r.confirm(ctx, n) }()
	v := newVigil(before)
	tick := time.NewTicker(r.pace.Poll)
	defer tick.Stop()
	for {
		select {
		case err := <-confirmed:
			return v, err
		case <-tick.C:
		}
		now, err := r.server.Workers()
		if err == nil {
			err = v.look(time.Now(), now)
		}
		if err != nil {
			return nil, err
		}
	}
}

// turn has nginx read a generation.
func (r *Reloader) turn(n int) error {
	if err := r.generations.use(n); err != nil {
		return err
	}
	return r.server.Reload()
}

// confirm asks until the generation answers three times running: while workers change
// places the old ones may answer in between.
func (r *Reloader) confirm(ctx context.Context, n int) error {
	var last string
	for row := 0; row < 3; {
		g, err := r.server.Generation(ctx)
		switch {
		case err != nil:
			row = 0
			if ctx.Err() == nil || last == "" { // that the time is over is said anyway
				last = err.Error()
			}
		case g != n:
			row, last = 0, fmt.Sprintf("generation %d answers", g)
		default:
			row++
		}
		if row < 3 && !sleep(ctx, r.pace.Poll) {
			return fmt.Errorf("waiting for nginx to serve generation %d: it does not after %s: %s; if nginx refused it, its log has the reason", n, r.pace.Confirm, last)
		}
	}
	return nil
}

// watch keeps an eye on the workers of a generation that answers.
func (r *Reloader) watch(ctx context.Context, n int, v *vigil) error {
	for end := time.Now().Add(r.pace.Watch); time.Now().Before(end); {
		now, err := r.server.Workers()
		if err == nil {
			err = v.look(time.Now(), now)
		}
		if err != nil {
			return err
		}
		if !sleep(ctx, r.pace.Poll) {
			return nil // the gateway ends; no time to judge
		}
	}
	// An old worker that has not been told yet may still answer: one wrong answer says nothing.
	asking, cancel := context.WithTimeout(ctx, r.pace.Confirm)
	defer cancel()
	if err := r.confirm(asking, n); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// backFrom goes back after err. When the gateway is ending there is nothing to go back to.
func (r *Reloader) backFrom(ctx context.Context, err error, n int) error {
	if ctx.Err() != nil {
		return fmt.Errorf("the gateway is ending: %w", ctx.Err())
	}
	return errors.Join(err, r.back(n))
}

// back makes an earlier generation serve again. Workers of the bad one may die on the
// way, so only nginx's answer counts.
func (r *Reloader) back(n int) error {
	ctx, cancel := context.WithTimeout(context.Background(), r.pace.Confirm)
	defer cancel()
	err := r.turn(n)
	if err == nil {
		err = r.confirm(ctx, n)
	}
	if err != nil {
		err = fmt.Errorf("going back to generation %d failed: %w", n, err)
		if r.lost != nil {
			r.lost(err)
		}
		return err
	}
	return r.generations.prune(n)
}
