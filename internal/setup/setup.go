package setup

import (
	"context"
	"fmt"
	"io"
	"strings"

	"drydock/internal/run"
)

// Run makes this machine able to run Drydock. It says what it will do before it
// does, and does nothing where nothing is missing.
//
// Its errors are *UnsupportedError, *NeedRootError and *NotReadyError, all with
// exit code run.CodeMissing, or what went wrong in a step.
func Run(ctx context.Context, o Options) error {
	o.Ports = nil // who holds a port is the business of whoever starts the stack
	o.Stderr = run.Locked(o.Stderr)
	f, err := Gather(ctx, o)
	if err != nil {
		return fmt.Errorf("looking at this machine: %w", err)
	}
	plan, err := MakePlan(f, o)
	if err != nil {
		return err
	}
	if !plan.Empty() {
		done, err := carryOut(ctx, o, f, plan)
		if err != nil || !done {
			return err
		}
		if f, err = Gather(ctx, o); err != nil {
			return fmt.Errorf("looking at the result: %w", err)
		}
	}
	if bad := blocking(Inspect(f, o)); len(bad) > 0 {
		return &NotReadyError{Checks: bad}
	}
	state := "nothing to do"
	if !plan.Empty() {
		state = "done"
	}
	_, err = fmt.Fprintf(o.Stdout, "setup: %s: Docker Engine %s at %s, compose %s, buildx %s\n",
		state, f.Engine.Version, f.Engine.Host, f.Compose.Version, f.Buildx.Version)
	return err
}

// carryOut prints the plan and applies it. done is false when it was only shown.
func carryOut(ctx context.Context, o Options, f Facts, plan Plan) (done bool, err error) {
	say(o, "on %s this will be done:", f.System)
	if _, err := io.WriteString(o.Stderr, plan.String()); err != nil {
		return false, err
	}
	if s := planSizes(ctx, o, plan); s != "" {
		say(o, "%s", s)
	}
	if o.DryRun {
		_, err := io.WriteString(o.Stdout, plan.Script())
		return false, err
	}
	if !f.User.Root && !f.User.Sudo {
		if plan.Optional {
			say(o, "it is not needed, and wants root: left alone")
			return true, nil
		}
		return false, &NeedRootError{Plan: plan}
	}
	return true, apply(ctx, o, f.User, plan)
}

// planSizes is asked only where the index is fresh enough to know.
func planSizes(ctx context.Context, o Options, plan Plan) string {
	for _, s := range plan.Steps {
		if s.Name == indexStep().Name && len(s.packages) == 0 {
			return "sizes are known once the package index is there"
		}
		if len(s.packages) > 0 && s.Name == "apt" {
			if s := sizes(ctx, o, s.packages); s != "" {
				return strings.TrimSpace(s)
			}
		}
	}
	return ""
}
