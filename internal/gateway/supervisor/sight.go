package supervisor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"drydock/internal/gateway/pool"
	"drydock/internal/gateway/render"
)

// This file is what a gateway does that was not told which colour is live: its state is lost,
// or there never was one. Then it goes by who is there, until somebody says it (Switch).

// presence is how much of a colour is there.
type presence int

const (
	absent  presence = iota // its pools have nobody
	partly                  // somebody, or it is not known who; not each pool has a healthy member
	serving                 // each pool has a healthy member
)

func presenceOf(c render.Colour, views []pool.View) presence {
	pools, healthy, nobody := 0, 0, 0
	for _, v := range views {
		if !strings.HasSuffix(v.Name, "-"+string(c)) {
			continue
		}
		pools++
		switch {
		case v.Healthy() > 0:
			healthy++
		case len(v.Members) == 0 && v.Names == pool.Nobody.String():
			nobody++
		}
	}
	switch {
	case nobody == pools:
		return absent
	case healthy == pools:
		return serving
	}
	return partly
}

// onSight is the colour of which more is there; first where that says nothing.
func onSight(first render.Colour, views []pool.View) render.Colour {
	if presenceOf(first.Other(), views) > presenceOf(first, views) {
		return first.Other()
	}
	return first
}

// assume chooses the colour that a state without knowledge begins with, and says so where
// there was something to choose.
func (s *Supervisor) assume(st *State) {
	views := s.pools.Views()
	first := st.Active
	st.Active = onSight(first, views)
	here, other := presenceOf(st.Active, views), presenceOf(st.Active.Other(), views)
	switch {
	case here != absent && other != absent:
		s.log.Warn("no state says which colour is live, and both are there", "active", string(st.Active),
			"fix", "up, or a deploy, looks up which release went live last, and switches to it")
	case st.Active != first:
		s.log.Warn("no state says which colour is live; it is the one that is there", "active", string(st.Active))
	}
}

// lookOn takes the other colour as soon as it serves and nobody of the assumed one is there:
// when a machine starts, the members come after the gateway. It ends when somebody has said
// which colour is live, or has taken a turn and so is about to.
func (s *Supervisor) lookOn(ctx context.Context) {
	for sleep(ctx, s.settings.Timing.Find) {
		st := s.reloader.State()
		if !st.Assumed {
			return
		}
		views := s.pools.Views()
		other := st.Active.Other()
		if presenceOf(st.Active, views) != absent || presenceOf(other, views) != serving {
			continue
		}
		_, err := s.reloader.Do(ctx, Change{Reason: string(other) + ", which alone is there", Turn: oldestTurn, Edit: func(st *State) error {
			if !st.Assumed || st.Active == other {
				return WithCode(CodeRefused, fmt.Errorf("somebody has said that %s is live", st.Active))
			}
			st.Active = other
			return nil
		}})
		if Code(err) == CodeRefused {
			s.log.Info("whoever has taken over says which colour is live", "active", string(s.reloader.State().Active), "there", string(other))
			return
		}
		// Any other failure is logged; it is no reason for haste.
		if err != nil && !sleep(ctx, 10*time.Second) {
			return
		}
	}
}

// oldestTurn is older than any that was given: a change with it is refused once there is one.
const oldestTurn = 1
