package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"drydock/internal/engine"
	"drydock/internal/gateway"
)

// errBad is a release that does badly under its users.
var errBad = errors.New("the new release does badly")

// baseline is how the old release did before anybody met the new one.
type baseline struct {
	taken bool
	gateway.Window
}

// baseline asks once.
func (w *work) baseline(ctx context.Context, live *gateway.Live) (baseline, error) {
	if w.old.taken {
		return w.old, nil
	}
	old, err := live.Window(ctx, paint(w.journal.To.Other()), 300)
	return baseline{true, old}, err
}

// canary sends a part of the clients to the new release for a while.
func (w *work) canary(ctx context.Context) error {
	s := w.d.Stack.Settings.Deploy
	live, err := w.d.gateway().Live(ctx)
	if err != nil {
		return err
	}
	if w.old, err = w.baseline(ctx, live); err != nil {
		return err
	}
	if err := live.Canary(ctx, paint(w.journal.To), s.Canary); err != nil {
		return err
	}
	return w.observe(ctx, live, s.CanaryFor)
}

// watch looks at the new release after the switch.
func (w *work) watch(ctx context.Context) error {
	live, err := w.d.gateway().Live(ctx)
	if err != nil {
		return err
	}
	return w.observe(ctx, live, w.d.Stack.Settings.Deploy.Watch)
}

// The first requests meet cold caches and new connections, so they say nothing about how
// fast a release is; and neither does a moment. What is watched for less than both is not
// judged by its latency.
const (
	coldFor  = 5 * time.Second
	judgeFor = 5 * time.Second
)

// observe judges the new release for a span of time: its requests, and its containers.
func (w *work) observe(ctx context.Context, live *gateway.Live, span time.Duration) error {
	s := w.d.Stack.Settings.Deploy
	list, err := w.own(ctx)
	if err != nil {
		return err
	}
	begin := time.Now()
	over := time.NewTimer(span)
	defer over.Stop()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	sickness := make(chan error, 1)
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		sickness <- each(watching, list, func(ctx context.Context, c engine.Container) error {
			_, err := w.d.Stack.Engine.WaitFor(ctx, c.ID, "stable", sick(c))
			return err
		})
	}()
	look := func(last bool) error {
		since := time.Since(begin)
		now, err := live.Window(ctx, paint(w.journal.To), int(since.Seconds())+1)
		if err != nil {
			return err
		}
		why := judgeErrors(s.MaxErrors, w.old.Window, now)
		if why == "" && since >= coldFor+judgeFor {
			late, err := live.Window(ctx, paint(w.journal.To), int((since - coldFor).Seconds()))
			if err != nil {
				return err
			}
			why = judgeLatency(s.MaxSlowdown, w.old.Window, late)
		}
		if why != "" {
			return fmt.Errorf("%w: %s%s", errBad, why, w.ended(ctx, list))
		}
		if last {
			w.d.say("%s", visited(now))
		}
		return nil
	}
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-sickness:
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("%w: %w", errBad, err)
		case <-tick.C:
			if err := look(false); err != nil {
				return err
			}
		case <-over.C:
			return look(true)
		}
	}
}

// visited is what the watch saw of the visitors.
func visited(now gateway.Window) string {
	if now.Requests == 0 {
		return "no visitors: nothing could be judged"
	}
	return fmt.Sprintf("%d requests, %d answered with 5xx, 90 of 100 within %.0f ms", now.Requests, now.Errors, now.P90)
}

// ended adds to a bad judgement which containers ended by themselves: that is nearer to the
// cause than what the visitors saw of it.
func (w *work) ended(ctx context.Context, before []engine.Container) string {
	var said strings.Builder
	for _, c := range before {
		now, err := w.d.Stack.Engine.Container(ctx, c.ID)
		if err != nil || now.Restarts == c.Restarts && now.State == engine.Running {
			continue
		}
		fmt.Fprintf(&said, "; %s ended by itself%s", now.Name, memoryOut(now))
		if now.State != engine.Running || !now.OOM {
			// What a restarted one ended with, the engine does not tell any more.
			fmt.Fprintf(&said, " (exit code %d, restarted %d times; its limit and its log tell more)", now.ExitCode, now.Restarts)
		}
	}
	return said.String()
}
