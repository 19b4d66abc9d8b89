package target

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"drydock/internal/deploy"
	"drydock/internal/env"
	"drydock/internal/run"
	"drydock/internal/stack"
)

// Deploy runs fn with the deployer of the environment that ENV names; without ENV it is
// the given one: deploys are about prod, unless something else was said.
func Deploy(ctx context.Context, environment string, fn func(context.Context, *deploy.Deployer) error) error {
	return Source(ctx, func(ctx context.Context, src env.Source) (err error) {
		if !named(src) {
			src.Env = environment
		}
		s, err := env.Load(src)
		if err != nil {
			return err
		}
		st, err := stack.Open(ctx, s, os.Stdin, os.Stdout, os.Stderr)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, st.Close()) }()
		return fn(ctx, &deploy.Deployer{Stack: st})
	})
}

// DeployMode is Deploy for a target whose name promises a mode.
func DeployMode(ctx context.Context, mode env.Mode, fn func(context.Context, *deploy.Deployer) error) error {
	return Deploy(ctx, string(mode), func(ctx context.Context, d *deploy.Deployer) error {
		if s := d.Stack.Settings; s.Mode != mode {
			return run.WithCode(run.CodeBadInput, fmt.Errorf("deploy:%s with ENV=%s: that environment has MODE=%s; use deploy:%s", mode, s.Env, s.Mode, s.Mode))
		}
		return fn(ctx, d)
	})
}

// named says whether ENV is given.
func named(src env.Source) bool {
	for _, kv := range src.Environ {
		if v, ok := strings.CutPrefix(kv, "ENV="); ok && v != "" {
			return true
		}
	}
	return src.Env != ""
}
