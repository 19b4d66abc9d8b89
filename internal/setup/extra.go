package setup

import (
	"context"
	"fmt"

	"drydock/internal/run"
)

// extra is a program that only the tests need.
type extra struct {
	what     string
	find     func(Options) string
	packages []string           // in the system's own sources
	can      func(Facts) bool   // whether they do there
	hint     func(Facts) string // what a person does where they don't
	idle     bool               // a service that comes along must not be started
}

// ensure returns the program's path, and installs it first when it is missing.
func ensure(ctx context.Context, o Options, x extra) (string, error) {
	if p := x.find(o); p != "" {
		return p, nil
	}
	o.Stderr = run.Locked(o.Stderr)
	f, err := Gather(ctx, o)
	if err != nil {
		return "", fmt.Errorf("looking for %s: %w", x.what, err)
	}
	if !x.can(f) {
		return "", run.WithCode(run.CodeMissing, fmt.Errorf("there is no %s: %s", x.what[len("a "):], x.hint(f)))
	}
	var plan Plan
	if f.Apt.Interrupted {
		plan.add(repairStep())
	}
	if indexNeeded(f.Apt, x.packages) {
		plan.add(indexStep())
	}
	step := packagesStep(x.packages)
	if x.idle {
		step.Script = startNothing + step.Script
	}
	plan.add(step)
	if _, err := carryOut(ctx, o, f, plan); err != nil {
		return "", fmt.Errorf("installing %s: %w", x.what, err)
	}
	if p := x.find(o); p != "" {
		return p, nil
	}
	return "", run.WithCode(run.CodeMissing, fmt.Errorf("the installation brought no %s: %s", x.what[len("a "):], x.hint(f)))
}

// startNothing keeps the packages from starting their services, as Debian's policy for that
// wants it (/usr/share/doc/init-system-helpers/README.policy-rc.d.gz): 101 forbids. A policy
// that the machine has already is its owner's, and stays.
const startNothing = `policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap 'rm -f $policy' EXIT
	trap 'exit 130' HUP INT TERM
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
fi
`
