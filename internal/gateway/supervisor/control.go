package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"drydock/internal/aside"
	"drydock/internal/gateway/render"
)

type turnKey struct{}

// inTurn gives the changes that are asked for with this context a turn.
func inTurn(ctx context.Context, turn int64) context.Context {
	return context.WithValue(ctx, turnKey{}, turn)
}

func (s *Supervisor) change(ctx context.Context, c Change) (Result, error) {
	c.Turn, _ = ctx.Value(turnKey{}).(int64) // 0 where nobody gave one
	return s.reloader.Do(ctx, c)
}

// Switch makes a colour the active one and ends a canary. A colour without members is
// refused, unless forced.
func (s *Supervisor) Switch(ctx context.Context, colour render.Colour, force bool) (Result, error) {
	if !colour.Valid() {
		return Result{}, WithCode(CodeUsage, fmt.Errorf("switching to %q: expected blue or green", colour))
	}
	return s.change(ctx, Change{Reason: "switch to " + string(colour), Edit: func(st *State) error {
		if err := s.inhabited(colour, force); err != nil {
			return fmt.Errorf("switching to %s: %w", colour, err)
		}
		st.Active, st.Assumed, st.Canary = colour, false, 0
		return nil
	}})
}

// Canary sends a part of the clients, 1 to 99 per cent, to the colour that is not
// active; 0 ends it.
func (s *Supervisor) Canary(ctx context.Context, colour render.Colour, percent int, force bool) (Result, error) {
	if !colour.Valid() && percent != 0 {
		return Result{}, WithCode(CodeUsage, fmt.Errorf("starting a canary on %q: expected blue or green", colour))
	}
	if percent < 0 || percent > 99 {
		return Result{}, WithCode(CodeUsage, fmt.Errorf("starting a canary with %d per cent: expected 1 to 99; for all, switch", percent))
	}
	reason := fmt.Sprintf("canary of %d%% to %s", percent, colour)
	if percent == 0 {
		reason = "end of the canary"
	}
	return s.change(ctx, Change{Reason: reason, Edit: func(st *State) error {
		if percent > 0 && st.Active == colour {
			return WithCode(CodeRefused, fmt.Errorf("starting a canary on %s: it is the active colour; expected %s", colour, colour.Other()))
		}
		if percent > 0 {
			if err := s.inhabited(colour, force); err != nil {
				return fmt.Errorf("starting a canary on %s: %w", colour, err)
			}
		}
		st.Canary = percent
		return nil
	}})
}

// inhabited refuses a colour whose pools have nobody.
func (s *Supervisor) inhabited(colour render.Colour, force bool) error {
	if force {
		return nil
	}
	var errs []error
	for _, v := range s.pools.Views() {
		if v.Name != "backend-"+string(colour) && v.Name != "frontend-"+string(colour) {
			continue
		}
		switch {
		case len(v.Members) == 0:
			errs = append(errs, fmt.Errorf("nobody is in the pool %s", v.Name))
		case v.Healthy() == 0:
			errs = append(errs, fmt.Errorf("nobody in the pool %s is healthy (%s)", v.Name, v.Members[0].Error))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return WithCode(CodeRefused, fmt.Errorf("%w; nothing was changed, --force does it all the same", err))
	}
	return nil
}

// Reload makes a generation from what there is.
func (s *Supervisor) Reload(ctx context.Context, reason string) (Result, error) {
	return s.change(ctx, Change{Reason: reason})
}

// Load makes a configuration from outside live, from a tar stream of its folder.
func (s *Supervisor) Load(ctx context.Context, archive io.Reader) (Result, error) {
	s.loading.Lock() // or one would remove the tree of the other
	defer s.loading.Unlock()
	pushed, err := s.conf.keep(archive, time.Now().UTC())
	if err != nil {
		return Result{}, fmt.Errorf("loading a configuration: %w", err)
	}
	r, err := s.change(ctx, Change{Reason: "configuration " + pushed.SHA256[:12], Edit: func(st *State) error {
		st.Pushed = &pushed
		return nil
	}})
	return r, errors.Join(err, s.conf.prune(s.reloader.State().Pushed))
}

// Unload returns to the image's own configuration.
func (s *Supervisor) Unload(ctx context.Context) (Result, error) {
	s.loading.Lock()
	defer s.loading.Unlock()
	r, err := s.change(ctx, Change{Reason: "the image's configuration", Edit: func(st *State) error {
		st.Pushed = nil
		return nil
	}})
	return r, errors.Join(err, s.conf.prune(s.reloader.State().Pushed))
}

// Maintenance says whether nginx answers 503 to everybody.
func (s *Supervisor) Maintenance() (bool, error) {
	_, err := os.Stat(s.maintenanceFile())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// SetMaintenance turns that on or off; nginx looks for the file at each request, so no
// reload is needed. The reason is only for people.
func (s *Supervisor) SetMaintenance(on bool, reason string) error {
	file := s.maintenanceFile()
	if !on {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("ending maintenance: %w", err)
		}
		s.log.Info("maintenance is over")
		return nil
	}
	if err := aside.WriteBytes(file, 0o644, []byte(reason+"\n")); err != nil {
		return fmt.Errorf("beginning maintenance: %w", err)
	}
	s.log.Info("maintenance: every request is answered with 503", "why", reason)
	return nil
}

func (s *Supervisor) maintenanceFile() string {
	return filepath.Join(s.settings.Paths.State, filepath.Base(render.Maintenance))
}
