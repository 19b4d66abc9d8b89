package swarm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"drydock/internal/run"
)

// Job runs a stack of one-shot services to their end, under a name of its own, and removes
// it. It fails when one of them does.
func (s *Swarm) Job(ctx context.Context, name string, stack []byte, timeout time.Duration) (err error) {
	job := *s
	job.Name = s.Name + "-" + name
	wanted, err := hashes(stack)
	if err != nil {
		return err
	}
	// What a killed deploy left has run, or runs: it must not be taken for this one.
	if err := job.Remove(ctx); err != nil {
		return err
	}
	defer func() {
		clean, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer stop()
		err = errors.Join(err, job.Remove(clean))
	}()
	if err := job.deploy(ctx, stack); err != nil {
		return err
	}
	within, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("not done within DEPLOY_TIMEOUT (%s)", timeout))
	defer cancel()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		services, err := job.services(within)
		if err != nil {
			return err
		}
		done := true
		for n, x := range services {
			tasks, err := s.Engine.Tasks(within, x.ID)
			if err != nil {
				return err
			}
			for _, t := range tasks {
				if t.State == "failed" || t.State == "rejected" {
					return fmt.Errorf("%s failed: %s; its log: docker service logs %s (while it is there)", n, Why(x, tasks, ""), x.Name)
				}
			}
			done = done && Judge(x, tasks, wanted[n], 0) == Arrived
		}
		if done && len(services) == len(wanted) {
			return nil
		}
		select {
		case <-tick.C:
		case <-within.Done():
			return context.Cause(within)
		}
	}
}

// Remove removes the stack's services and its networks. Volumes and secrets stay.
func (s *Swarm) Remove(ctx context.Context) error {
	services, err := s.services(ctx)
	if err != nil || len(services) == 0 {
		return err
	}
	err = run.Run(ctx, run.Cmd{
		Name: "docker", Args: []string{"stack", "rm", s.Name},
		Env: append(slices.Clone(s.Env), s.Engine.CLIEnv()...), Stdout: s.Err, Stderr: s.Err,
	})
	if err != nil {
		return fmt.Errorf("removing the stack %s: %w", s.Name, err)
	}
	return nil
}
