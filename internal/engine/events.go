package engine

import (
	"context"
	"time"

	"github.com/docker/docker/api/types/events"
)

// Event is something that happened to an object of the engine.
type Event struct {
	Time       time.Time
	Type       string // container, network, volume, image, ...
	Action     string // start, die, destroy, "health_status: healthy", ...
	ID         string // of the object; volumes: their name
	Attributes map[string]string
}

// EventFilter selects events; all conditions must hold.
type EventFilter struct {
	Types     []string
	Actions   []string // health_status selects all of its results
	Container string   // id or name
	Labels    map[string]string
	Since     time.Time // replays what the engine still remembers (256 events); zero: from now on
}

// Events streams events until ctx ends or the connection breaks; then the second
// channel yields why, and both are done. The engine begins to listen a moment after
// Events returns: who must not miss anything sets Since and inspects the object after
// the call (or uses WaitFor, which does).
func (c *Client) Events(ctx context.Context, f EventFilter) (<-chan Event, <-chan error) {
	a := labelArgs(f.Labels)
	for _, t := range f.Types {
		a.Add("type", t)
	}
	for _, e := range f.Actions {
		a.Add("event", e)
	}
	if f.Container != "" {
		a.Add("container", f.Container)
	}
	o := events.ListOptions{Filters: a}
	if !f.Since.IsZero() {
		o.Since = f.Since.Format(time.RFC3339Nano)
	}
	from, fromErr := c.api.Events(ctx, o)
	to, toErr := make(chan Event), make(chan error, 1)
	go func() {
		defer close(to)
		for {
			select {
			case m := <-from:
				e := Event{
					Time: time.Unix(0, m.TimeNano), Type: string(m.Type), Action: string(m.Action),
					ID: m.Actor.ID, Attributes: m.Actor.Attributes,
				}
				select {
				case to <- e:
				case <-ctx.Done():
					toErr <- c.fail(context.Cause(ctx), "following the engine's events")
					return
				}
			case err := <-fromErr:
				if ctx.Err() != nil {
					err = context.Cause(ctx)
				}
				toErr <- c.fail(err, "following the engine's events")
				return
			}
		}
	}()
	return to, toErr
}
