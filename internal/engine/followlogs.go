package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// LogsOf gives the lines of all containers that the filter selects to fn, one call at a
// time. Without Follow the containers come one after another, sorted by name. With
// Follow their lines mix as they come, containers that start later join in, restarted
// ones go on, and it ends only with ctx (which then is the error) or an error of fn.
func (c *Client) LogsOf(ctx context.Context, f Filter, o LogOptions, fn func(LogLine) error) error {
	if o.Follow {
		return c.followAll(ctx, f, o, fn)
	}
	list, err := c.Containers(ctx, f)
	if err != nil {
		return err
	}
	for _, one := range list {
		if err := c.Logs(ctx, one.ID, o, fn); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

func (c *Client) followAll(ctx context.Context, f Filter, o LogOptions, fn func(LogLine) error) error {
	g, ctx := errgroup.WithContext(ctx)
	started, failed := c.Events(ctx, EventFilter{
		Types: []string{"container"}, Actions: []string{"start"}, Labels: f.Labels, Since: everything,
	})
	list, err := c.Containers(ctx, f)
	if err != nil {
		return err
	}
	w := &watched{c: c, o: o, again: map[string]chan struct{}{}, fn: fn}
	for _, one := range list {
		w.follow(ctx, g, one.ID, o)
	}
	g.Go(func() error {
		for {
			select {
			case e, ok := <-started:
				if !ok {
					return <-failed
				}
				if w.known(e.ID) {
					continue
				}
				// Names and states cannot be filtered in the event stream.
				match := f
				match.Names = append([]string(nil), f.Names...)
				if selected, err := c.selects(ctx, match, e.ID); err != nil {
					return err
				} else if selected {
					w.follow(ctx, g, e.ID, LogOptions{Follow: true, Since: o.Since})
				}
			case err := <-failed:
				return err
			}
		}
	})
	return g.Wait()
}

func (c *Client) selects(ctx context.Context, f Filter, id string) (bool, error) {
	list, err := c.Containers(ctx, f)
	if err != nil {
		return false, err
	}
	for _, one := range list {
		if one.ID == id {
			return true, nil
		}
	}
	return false, nil
}

// watched are the containers being followed.
type watched struct {
	c  *Client
	o  LogOptions
	fn func(LogLine) error

	mu    sync.Mutex // guards again
	again map[string]chan struct{}

	emit sync.Mutex // one call of fn at a time
}

// known says whether the container is followed already, and if so wakes its follower,
// whose stream ends when the container stops.
func (w *watched) known(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	wake, ok := w.again[id]
	if ok {
		select {
		case wake <- struct{}{}:
		default: // one is waiting already
		}
	}
	return ok
}

func (w *watched) follow(ctx context.Context, g *errgroup.Group, id string, o LogOptions) {
	wake := make(chan struct{}, 1)
	w.mu.Lock()
	w.again[id] = wake
	w.mu.Unlock()
	o.Follow = true
	g.Go(func() error {
		for {
			var last time.Time
			err := w.c.Logs(ctx, id, o, func(l LogLine) error {
				w.emit.Lock()
				defer w.emit.Unlock()
				last = l.Time
				return w.fn(l)
			})
			if errors.Is(err, ErrNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			if !last.IsZero() {
				o.Since, o.Tail = last.Add(1), 0
			}
			select {
			case <-wake:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	})
}
