package stack

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/gateway"
	"drydock/internal/gateway/render"
)

// liveColour asks the running gateway whose containers get the requests.
func (s *Stack) liveColour(ctx context.Context) (compose.Colour, error) {
	a := s.askGateway(ctx)
	return compose.Colour(a.state.Active), a.err
}

// gatewayAnswer is what a gateway said when it was asked.
type gatewayAnswer struct {
	at    time.Time // when the question was asked
	live  *gateway.Live
	state gateway.State
	err   error
}

// fresh is how long an answer counts that was given ahead: no deploy comes, switches and goes meanwhile.
const fresh = 3 * time.Second

// holds says whether there is no need to ask again.
func (a gatewayAnswer) holds(now time.Time) bool { return a.err == nil && now.Sub(a.at) < fresh }

// askAhead begins to ask the running gateway, which takes as long as everything else together where
// there is nothing to do. answer waits for what it says, and stop ends it.
func (s *Stack) askAhead(ctx context.Context) (answer func() gatewayAnswer, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	said := make(chan gatewayAnswer, 1)
	go func() { said <- s.askGateway(ctx) }()
	answer = sync.OnceValue(func() gatewayAnswer { return <-said })
	return answer, func() { cancel(); answer() }
}

func (s *Stack) askGateway(ctx context.Context) gatewayAnswer {
	a := gatewayAnswer{at: time.Now()}
	c, err := s.container(ctx, "gateway")
	if err != nil {
		a.err = err
		return a
	}
	a.live = &gateway.Live{Engine: s.Engine, Container: c.ID}
	if a.state, err = a.live.State(ctx); err != nil {
		a.err = fmt.Errorf("asking the gateway of %s which colour is live: %w", s.Settings.Project, err)
	}
	return a
}

// SettleColour is liveColour for who is about to act on it. A gateway that has lost its state
// can only assume; what deploys have written down and the containers' labels know better, and
// the gateway is told. turn is the one of a deploy, or ""; image is any that the engine has.
func (s *Stack) SettleColour(ctx context.Context, image, turn string) (compose.Colour, error) {
	return s.settleColour(ctx, image, turn, s.askGateway(ctx))
}

func (s *Stack) settleColour(ctx context.Context, image, turn string, a gatewayAnswer) (compose.Colour, error) {
	active := compose.Colour(a.state.Active)
	if a.err != nil || !a.state.Assumed {
		return active, a.err
	}
	known, r, err := s.writtenColour(ctx, image)
	if err != nil {
		s.say("the gateway does not know which colour is live, and goes by who is there: %s; what deploys have written down does not tell either: %v", active, err)
		return active, nil
	}
	if known == "" {
		return active, nil // nothing was deployed, or nothing of it is left: who is there is all there is
	}
	a.live.Turn = turn
	if err := a.live.Tell(ctx, render.Colour(known)); err != nil {
		return "", fmt.Errorf("telling the gateway that %s is live: %w", known, err)
	}
	s.say("the gateway had lost which colour is live, and went by who is there: %s; %s (release %s) went live last, and is %s: told it", active, r.Version, r.ID, known)
	return known, nil
}

// WrittenColour is the colour with the release that went live last, as deploys have written it
// down; "" when they have not, or no colour has it.
func (s *Stack) WrittenColour(ctx context.Context, image string) (compose.Colour, error) {
	c, _, err := s.writtenColour(ctx, image)
	return c, err
}

func (s *Stack) writtenColour(ctx context.Context, image string) (compose.Colour, Kept, error) {
	kept, err := s.kept(ctx, image)
	if err != nil || len(kept) == 0 {
		return "", Kept{}, err
	}
	last := kept[len(kept)-1]
	apps := map[compose.Colour][]engine.Container{}
	for _, c := range []compose.Colour{compose.Blue, compose.Green} {
		if apps[c], err = s.apps(ctx, c); err != nil {
			return "", Kept{}, err
		}
	}
	return colourWith(last.ID, apps), last, nil
}

// colourWith is the one colour that has containers of a release, or "".
func colourWith(release string, apps map[compose.Colour][]engine.Container) compose.Colour {
	var found []compose.Colour
	for c, list := range apps {
		if slices.ContainsFunc(list, func(in engine.Container) bool { return in.Labels[compose.LabelRelease] == release }) {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		return ""
	}
	return found[0]
}
