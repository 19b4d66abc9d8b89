package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// begin brings up the first generation: the pushed configuration if there is one that fits,
// the image's own if that fails. A nil state without an error means that the gateway was
// asked to end meanwhile.
func (s *Supervisor) begin(ctx context.Context, signals <-chan os.Signal) (*State, error) {
	state := s.store.Load(s.settings.Values.First)
	if state.Assumed {
		s.assume(&state)
	}
	if state.Pushed != nil {
		if err := s.conf.usable(state.Pushed); err != nil {
			s.log.Warn("the pushed configuration is not used; the image's is", "sha256", state.Pushed.SHA256, "reason", err.Error())
			state.Pushed = nil
		}
	}
	s.reloader = &Reloader{
		generations: s.generations, source: s.conf.source, certificate: s.certificateReady.Load, save: s.store.Save,
		maxOld: s.settings.MaxOldWorkers, pace: defaultPace(s.settings.Watch), log: s.log, wishes: make(chan wish),
		done: func(r Result) {
			if r.Error == "" {
				s.reloadsDone.Add(1)
			} else {
				s.reloadsFailed.Add(1)
			}
		},
		lost: func(err error) { s.failed <- err },
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stopped := make(chan struct{})
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		for {
			select {
			case sig := <-signals:
				if sig == syscall.SIGHUP {
					continue // everything is being read anyway
				}
				close(stopped)
				cancel()
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	defer func() {
		cancel()
		<-watching
	}()
	n, err := s.bringUp(ctx, &state)
	select {
	case <-stopped:
		if n != nil {
			n.stop(time.Second, nil)
		}
		return nil, nil
	default:
	}
	if err != nil || n == nil {
		return nil, err
	}
	s.nginx.Store(n)
	if err := s.store.Save(state); err != nil {
		s.log.Error("the state cannot be written", "error", err.Error())
	}
	if err := s.conf.prune(state.Pushed); err != nil {
		s.log.Warn("pushed configurations that are not used stay", "error", err.Error())
	}
	s.reloader.mu.Lock()
	s.reloader.state = state
	s.reloader.mu.Unlock()
	s.log.Info("serving", "generation", state.Generation, "active", string(state.Active), "pushed", state.Pushed != nil, "version", s.version)
	return &state, nil
}

// bringUp starts nginx on the state's configuration or, if that fails, on the image's. It
// returns nothing when the context ended meanwhile.
func (s *Supervisor) bringUp(ctx context.Context, state *State) (*nginx, error) {
	for {
		state.Generation++
		n, err := s.tryStart(ctx, *state)
		if err == nil {
			return n, nil
		}
		if ctx.Err() != nil {
			return nil, nil
		}
		if state.Pushed == nil {
			var refused *ConfigError
			if errors.As(err, &refused) {
				err = WithCode(CodeConfig, fmt.Errorf("starting: %w", err))
			}
			return nil, err
		}
		s.log.Error("the pushed configuration does not start; going on with the image's", "sha256", state.Pushed.SHA256, "error", err.Error())
		state.Pushed = nil
	}
}

// tryStart starts nginx on a generation. When it fails nothing of it is left running.
func (s *Supervisor) tryStart(ctx context.Context, state State) (*nginx, error) {
	if err := s.generations.make(s.conf.source(state.Pushed), renderState(state, s.certificateReady.Load())); err != nil {
		return nil, err
	}
	if _, err := testConfig(ctx, s.generations.dir(state.Generation)); err != nil {
		return nil, err
	}
	if err := s.generations.use(state.Generation); err != nil {
		return nil, err
	}
	var lines *errorLog
	if s.settings.Values.LogQuery != "full" {
		var err error
		if lines, err = newErrorLog(os.Stderr); err != nil {
			return nil, err
		}
	}
	n, err := startNginx(s.generations.current(), s.settings.Paths.statusSocket(), lines)
	if err != nil {
		return nil, err
	}
	r := s.reloader
	ctx, cancel := context.WithTimeout(ctx, r.pace.Confirm)
	defer cancel()
	confirmed := make(chan error, 1)
	probe := &Reloader{server: n, pace: r.pace}
	go func() { confirmed <- probe.confirm(ctx, state.Generation) }()
	v := newVigil(nil)
	tick := time.NewTicker(r.pace.Poll)
	defer tick.Stop()
	for err == nil {
		select {
		case err = <-confirmed:
			if err == nil {
				return n, nil
			}
		case <-n.exited:
			err = fmt.Errorf("starting nginx: it ended at once: %s; its log has the reason", ended(n.err))
		case <-tick.C:
			var now []Worker
			if now, err = n.Workers(); err == nil {
				err = v.look(time.Now(), now)
			}
		}
	}
	n.kill()
	<-n.exited
	return nil, err
}
