package stack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/image"
)

// Bounds of what Up waits for.
const (
	baseTimeout = 3 * time.Minute // a first start initialises the database
	appTimeout  = 5 * time.Minute // in dev the first start compiles
	pageTimeout = 30 * time.Second
)

// Up brings the environment into the state that the settings describe, and returns when
// its page answers. What is right already is left alone. In prod the release of a deploy
// that serves stays what serves, whatever the checkout is. Every step can be cut off and done
// again.
func (s *Stack) Up(ctx context.Context) error {
	if err := s.notSwarm("up", s.DeployCommand("deploy:prod")+" starts what is missing"); err != nil {
		return err
	}
	if err := s.NotDeploying(ctx); err != nil {
		return err
	}
	return s.up(ctx)
}

// up is Up for who holds the environment's lock, or has seen that nobody does.
func (s *Stack) up(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, s.dropUnstarted(ctx)) }()
	if err := s.checkPorts(ctx); err != nil {
		return err
	}
	if s.Settings.Mode == env.Prod && !s.Settings.Options.Yes {
		if err := s.stillReachable(ctx); err != nil {
			return err
		}
	}
	answer, stop := s.askAhead(ctx)
	defer stop()
	// Where deploys were, the checkout's apps are most likely not wanted; that they cannot be
	// built may be why somebody is here.
	deployed, err := s.deployed(ctx)
	if err != nil {
		return err
	}
	v, err := s.values(ctx, compose.Blue, "", !deployed)
	if err != nil {
		return err
	}
	if err := s.rotate(ctx, v); err != nil {
		return err
	}
	same, err := s.raise(ctx, compose.Base(s.Settings, v), baseTimeout)
	if err != nil {
		return s.explain(ctx, err)
	}
	// The gateway knows which release is live; a stack that was never deployed to is blue.
	var a gatewayAnswer
	if same {
		a = answer()
	}
	if !a.holds(time.Now()) {
		stop()
		a = s.askGateway(ctx)
	}
	if v.Colour, err = s.settleColour(ctx, v.Refs.Redis, "", a); err != nil {
		return err
	}
	var r *served
	if deployed {
		if r, err = s.served(ctx, v.Colour, v.Refs.Redis); err != nil {
			return err
		}
		if r == nil { // up has made what is there
			if v, err = s.Values(ctx, v.Colour); err != nil {
				return err
			}
		}
	}
	if r != nil {
		err = s.goOn(ctx, v.Colour, r)
	} else {
		err = s.bring(ctx, v)
	}
	if err != nil {
		return err
	}
	if err := s.dropOld(ctx, v); err != nil {
		return fmt.Errorf("removing volumes that are not used any more: %w", err)
	}
	if err := s.entered(ctx, v.Colour, r); err != nil {
		return err
	}
	s.say("%s (%s) is up", s.Settings.Project, s.Settings.Env)
	_, err = fmt.Fprintln(s.Out, entranceOf(s.Settings).browser)
	return err
}

// bring makes the checkout's apps what runs.
func (s *Stack) bring(ctx context.Context, v compose.Values) (err error) {
	if err := s.Migrate(ctx, v); err != nil {
		return err
	}
	if v.Labels, err = s.releaseLabels(ctx, v); err != nil {
		return err
	}
	if err := s.settle(ctx, v); err != nil {
		return err
	}
	if _, err := s.raise(ctx, compose.App(s.Settings, v), appTimeout); err != nil {
		return s.explain(ctx, err)
	}
	return nil
}

// entered asks for the page, unless it is known that the gateway cannot reach a release that
// stays: then that is the answer.
func (s *Stack) entered(ctx context.Context, colour compose.Colour, r *served) error {
	if r != nil {
		apps, err := s.apps(ctx, colour) // it may have been made anew
		if err != nil {
			return err
		}
		err = s.turnedAway(r, ReachOf(apps).Apart(wantedReach(s.Settings)))
		if err != nil && s.Settings.Options.Yes {
			s.say("the site is away, as was asked for; now, at once: %s", s.deployHere())
			return nil
		}
		if err != nil {
			return err
		}
	}
	if err := s.pageAnswers(ctx); err != nil {
		return s.explain(ctx, err)
	}
	return nil
}

// Values builds what is missing and works out everything that the compose files need.
func (s *Stack) Values(ctx context.Context, colour compose.Colour) (compose.Values, error) {
	return s.values(ctx, colour, "", true)
}

// values does that with the apps' images of a stage, "" goes by the mode; or without the apps.
func (s *Stack) values(ctx context.Context, colour compose.Colour, stage string, apps bool) (compose.Values, error) {
	names := []string{image.Postgres, image.Redis, image.Gateway, image.Backup}
	if apps {
		names = append(names, image.Backend, image.Frontend)
	}
	list, err := s.images(ctx, names, stage)
	if err != nil {
		return compose.Values{}, err
	}
	made := map[string]image.Image{}
	for _, i := range list {
		made[i.Name] = i
	}
	backend, frontend := made[image.Backend], made[image.Frontend]
	v := compose.Values{
		Colour: colour,
		Refs: compose.Refs{
			DB: made[image.Postgres].Ref, Redis: made[image.Redis].Ref, Gateway: made[image.Gateway].Ref,
			Backup: made[image.Backup].Ref, Backend: backend.Ref, Frontend: frontend.Ref,
		},
		Live:         compose.Live{Backend: backend.Target == image.StageDev, Frontend: frontend.Target == image.StageDev},
		Version:      backend.Version,
		BackendCache: s.Settings.Project + "-backend-cache",
		Labels:       s.Labels,
	}
	if s.Settings.Mode == env.Dev && stage == "" {
		// The source changes all the time; a version that did so, too, would restart the
		// apps at each `up`.
		v.Version = "dev"
	}
	if len(backend.Input) >= 12 {
		v.BackendCache += "-" + backend.Input[:12]
	}
	uid, gid, err := s.owner()
	if err != nil {
		return compose.Values{}, err
	}
	v.Owner = compose.Owner(uid, gid)
	checkout := identity{UID: int(uid), GID: int(gid), Known: true}
	as := func(i image.Image, live bool) identity {
		if live {
			return checkout
		}
		return parseUser(i.User)
	}
	certificate, err := s.certificate(time.Now())
	if err != nil {
		return compose.Values{}, err
	}
	ca, err := s.storageCA()
	if err != nil {
		return compose.Values{}, err
	}
	sets := secretSets(s.Settings, as(backend, v.Live.Backend), as(frontend, v.Live.Frontend), certificate, ca)
	if !apps {
		sets = slices.DeleteFunc(sets, secretSet.ofApp)
	}
	// Any image will do to write into a volume; this one is always there.
	return v, s.putSecrets(ctx, sets, &v, v.Refs.Redis)
}

// explain says why a start failed: what the containers that it is about, and that are not
// well, said last, and the reason at the end.
func (s *Stack) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	list, listErr := s.containers(ctx)
	if listErr != nil {
		return errors.Join(err, listErr)
	}
	var sick []engine.Container
	for _, c := range meant(s.Settings.Project, list, err, s.Engine.Local()) {
		if ailing(c) {
			sick = append(sick, c)
		}
	}
	return s.because(ctx, err, sick)
}
