package deploy

import (
	"context"
	"errors"
	"fmt"

	"drydock/internal/lease"
	"drydock/internal/run"
	"drydock/internal/stack"
)

// lock is the lease of the environment, with what a deploy writes down in its volume.
type lock struct {
	*lease.Lease
	d *Deployer
}

func (d *Deployer) lockName() string { return stack.LockName(d.Stack.Settings.Project) }

// acquire takes the lock. A dead one is taken over; the dead holder is returned, then.
func (d *Deployer) acquire(ctx context.Context, image string, kind Kind, version string) (*lock, *lease.Holder, error) {
	l, dead, err := lease.Take(ctx, d.Stack.Engine, lease.Spec{
		Name: d.lockName(), Volume: d.lockName(), Image: image, Labels: d.Stack.ObjectLabels(),
		Holder: lease.Me(d.Stack.Settings.Deploy.By, string(kind), version),
	})
	var held *lease.HeldError
	if errors.As(err, &held) {
		return nil, nil, d.busy(ctx, held.Holder)
	}
	if err != nil {
		return nil, nil, err
	}
	return &lock{l, d}, dead, nil
}

// BusyError is a lock that somebody else holds.
type BusyError struct {
	Holder  lease.Holder
	Step    Step
	Command string // to look at it
}

// Error says who, where, since when, and what is being done.
func (e *BusyError) Error() string {
	step := ""
	if e.Step != "" {
		step = fmt.Sprintf(", at the step %q", e.Step)
	}
	return fmt.Sprintf("somebody else is at work: %s%s; wait for it, or look: %s", e.Holder, step, e.Command)
}

// ExitCode is the one of things that are held by somebody else.
func (e *BusyError) ExitCode() int { return run.CodeBusy }

// holder looks who has the lock; nil: nobody.
func (d *Deployer) holder(ctx context.Context) (*lease.Holder, error) {
	return lease.Look(ctx, d.Stack.Engine, d.lockName())
}

// busy is the error for a lock that is held.
func (d *Deployer) busy(ctx context.Context, h lease.Holder) error {
	e := &BusyError{Holder: h, Command: d.Stack.DeployCommand("deploy:status")}
	if data, err := d.Stack.Engine.ReadFile(ctx, h.Container, lease.StatePath+"/"+currentFile); err == nil {
		if j, err := parseJournal(data); err == nil {
			e.Step = j.Step
		}
	}
	return e
}
