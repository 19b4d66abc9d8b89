package receive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"drydock/internal/notify"
)

// The events that the two programs tell.
const (
	EventWaiting   = "rpo.waiting"   // commits wait for the receiver
	EventDegraded  = "rpo.degraded"  // commits go on without it
	EventRefused   = "rpo.refused"   // the server's settings stand in the way
	EventRecovered = "rpo.recovered" // acknowledged commits are at the receiver again
	EventNewRun    = "rpo.new_run"   // what was received is not continued, so a new full backup is needed
	EventSlotLost  = "rpo.slot_lost" // the receiver was away for longer than the bound on the WAL allows
)

// Guard decides whether commits wait for the receiver.
type Guard struct {
	Server  Server
	Policy  Policy
	After   time.Duration // how long the receiver may be away before it counts
	MaxHeld int64         // bytes of WAL that its slot may keep on the database's disk
	WayOut  string        // command that lets commits go on without the receiver
	Tell    func(notify.Event)
	Log     *slog.Logger

	mu     sync.Mutex
	status Status
	told   time.Time // when it was first told that something is wrong; zero when nothing is
}

// Status is what the guard knows.
type Status struct {
	State State
	Since time.Time // when it became so
	Why   string    // empty when all is well
	Away  time.Duration
	Last  Observation
}

// tick is how often the server is asked. A second is short against any time of waiting
// that can be set, and a question costs the server a fraction of a millisecond.
const tick = time.Second

// Status is the state now.
func (g *Guard) Status() Status {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.status
}

// Run guards until the context ends. Whatever fails is tried again.
func (g *Guard) Run(ctx context.Context) error {
	g.set(Status{State: Unknown, Why: "the server was not asked yet"})
	t := time.NewTicker(tick)
	defer t.Stop()
	var m memory
	var s *session
	defer func() {
		if s != nil {
			s.close()
		}
	}()
	for {
		err := g.once(ctx, &s, &m)
		if err != nil && ctx.Err() == nil {
			g.unknown(err, &m)
		}
		select {
		case <-ctx.Done():
			return nil // it leaves the server as it is: commits that wait go on waiting
		case <-t.C:
		}
	}
}

// once asks, decides and acts. A session that failed is closed; the next call opens another.
func (g *Guard) once(ctx context.Context, s **session, m *memory) (err error) {
	if *s == nil {
		if *s, err = connect(ctx, g.Server); err != nil {
			*s = nil
			return err
		}
	}
	defer func() {
		if err != nil && !errors.Is(err, errRecovery) {
			(*s).close()
			*s = nil
		}
	}()
	o, err := (*s).observe(ctx)
	if err != nil {
		return err
	}
	if g.MaxHeld > 0 && o.MaxHeld>>20 != g.MaxHeld>>20 {
		if err := (*s).change(ctx, sqlBound(g.MaxHeld)); err != nil {
			return err
		}
	}
	now := time.Now()
	lost := o.Slot == "lost" && g.Status().Last.Slot != "lost"
	next, act := decide(g.Policy, g.After, *m, o, now)
	switch act {
	case switchOn:
		err = (*s).change(ctx, sqlOn)
	case switchOff:
		err = (*s).change(ctx, sqlOff)
	}
	if err != nil {
		return err
	}
	if act != nothing {
		g.Log.Info("whether commits wait for the receiver", "action", string(act), "away", next.away(now).Round(time.Second).String())
	}
	*m = next
	if lost {
		g.Tell(notify.Event{Event: EventSlotLost, Kind: "receiver",
			Error: fmt.Sprintf("the receiver is away for %s, and the WAL that was kept for it reached its bound of %d MB; what it lacks is no longer there to send",
				next.away(now).Round(time.Second), o.MaxHeld>>20),
			Next: "bring the backup service back: it begins a new run, and a new full backup"})
	}
	g.set(Status{State: next.state, Why: g.why(next, o, now), Away: next.away(now), Last: o})
	return nil
}

// why says what is wrong, and the way out.
func (g *Guard) why(m memory, o Observation, now time.Time) string {
	away := fmt.Sprintf("the receiver is away for %s", m.away(now).Round(time.Second))
	if o.Streaming {
		away = fmt.Sprintf("the receiver is connected, but stuck for %s and %d bytes behind", m.away(now).Round(time.Second), o.Behind())
	}
	if !m.wellOnce {
		away += ", and never came since the guard started"
	}
	switch m.state {
	case Waiting:
		return fmt.Sprintf("%s, and %d commits wait for it (RPO_AWAY=wait). Bring the backup service back (its log says what is wrong), "+
			"or let commits go on without it: %s", away, o.Waiting, g.WayOut)
	case Degraded:
		return away + "; commits go on without it, and what is acknowledged now can be lost with the database's volume"
	case Refused:
		return m.why
	case Starting:
		return "the receiver has not caught up yet: " + away
	}
	return ""
}

// unknown is a server that does not answer. The receiver is not to blame meanwhile.
func (g *Guard) unknown(err error, m *memory) {
	m.well = time.Time{}
	g.set(Status{State: Unknown, Why: oneLine(err.Error()), Last: g.Status().Last})
}

// set keeps the status, and tells of what changed.
func (g *Guard) set(st Status) {
	g.mu.Lock()
	old, told := g.status, g.told
	st.Since = old.Since
	if old.State != st.State {
		st.Since = time.Now()
	}
	g.status = st
	var event *notify.Event
	if old.State != st.State {
		event = g.news(st, told)
	}
	g.mu.Unlock()
	if old.State != st.State {
		g.Log.Info("no loss", "state", string(st.State), "before", string(old.State), "why", st.Why)
	}
	if event != nil {
		g.Tell(*event)
	}
}

// news is what a person has to know of a new state. All is well again is told only to who
// heard that it was not. The caller holds the lock.
func (g *Guard) news(st Status, told time.Time) *notify.Event {
	bad := map[State]string{Waiting: EventWaiting, Degraded: EventDegraded, Refused: EventRefused}
	if name := bad[st.State]; name != "" {
		if told.IsZero() {
			g.told = time.Now()
		}
		return &notify.Event{Event: name, Kind: "receiver", Error: st.Why, Next: "look at the log of the backup service"}
	}
	if st.State == Zero && !told.IsZero() {
		g.told = time.Time{}
		return &notify.Event{Event: EventRecovered, Kind: "receiver", Duration: time.Since(told)}
	}
	return nil
}
