package recovery

import (
	"context"
	"fmt"
	"slices"
	"time"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/run"
)

// baseAgain is how long the database and the backup service may take to be there again.
const baseAgain = 3 * time.Minute

// restored ends a restore that has worked: it says so first, since what the site makes of the
// data is another question, and going back is no answer to it.
func (r *Recovery) restored(ctx context.Context, stopped []engine.Container, said, safety string) error {
	// A Ctrl-C must not leave the site stopped.
	if err := r.base(context.WithoutCancel(ctx), stopped); err != nil {
		return fmt.Errorf("starting the database on what was restored: %w; to go back: %s", err, r.back(safety))
	}
	if _, err := fmt.Fprint(r.Out, said); err != nil {
		return err
	}
	if err := r.apps(ctx, stopped); err != nil {
		return fmt.Errorf("the database is restored; only the apps did not get healthy on it: %w\n%s", err, r.fitting(stopped))
	}
	return nil
}

// again starts what stop has stopped, and waits until the site is there.
func (r *Recovery) again(ctx context.Context, stopped []engine.Container) error {
	if err := r.base(ctx, stopped); err != nil {
		return err
	}
	return r.apps(ctx, stopped)
}

// fitting names the ways to apps that work on the data of then.
func (r *Recovery) fitting(stopped []engine.Container) string {
	s := r.Stack
	if !slices.ContainsFunc(stopped, isRelease) {
		return "if they are of another time than the data, start those that fit: " + s.Command("up")
	}
	return fmt.Sprintf("if the release is of another time than the data: %s (the kept ones: %s), or %s from the commit that fits",
		s.DeployCommand("deploy:rollback"), s.DeployCommand("deploy:status"), s.DeployCommand("deploy:"+string(s.Settings.Mode)))
}

// base starts the database and the backup service: the containers that there are. One of them may
// not have run before, which can be why a person restores.
func (r *Recovery) base(ctx context.Context, stopped []engine.Container) error {
	e := r.Stack.Engine
	ctx, cancel := context.WithTimeout(ctx, baseAgain)
	defer cancel()
	for _, service := range []string{"db", "backup"} {
		list, err := e.Containers(ctx, engine.OfService(r.project(), service))
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return run.WithCode(run.CodeMissing, fmt.Errorf("the service %s has no container any more; start it: %s", service, r.Stack.Command("up")))
		}
		for _, c := range list {
			r.say("starting " + c.Name)
			if err := e.Start(ctx, c.ID); err != nil {
				return err
			}
			if _, err := e.WaitReady(ctx, c.ID); err != nil {
				return err
			}
			if service != "db" {
				continue
			}
			// The files may be of a time with another one.
			if _, err := e.ExecOutput(ctx, c.ID, "set-password"); err != nil {
				return fmt.Errorf("giving the database the password of now: %w", err)
			}
		}
	}
	return nil
}

// apps starts those that were stopped, as they were, and waits for those that serve.
func (r *Recovery) apps(ctx context.Context, stopped []engine.Container) error {
	for _, c := range stopped {
		if c.Service() != "backend" {
			continue
		}
		r.say("starting " + c.Name)
		if err := r.Stack.Engine.Start(context.WithoutCancel(ctx), c.ID); err != nil {
			return err
		}
	}
	return r.Stack.Resume(ctx)
}

func isRelease(c engine.Container) bool { return c.Labels[compose.LabelRelease] != "" }
