package deploy

import (
	"context"
	"fmt"

	"drydock/internal/run"
)

// preHook runs PRE_DEPLOY. It has not touched anything yet, so its failure ends the
// deploy.
func (w *work) preHook(ctx context.Context) error {
	return w.hook(ctx, "PRE_DEPLOY", w.d.Stack.Settings.Deploy.PreHook, "")
}

// postHook runs POST_DEPLOY. The deploy has ended, so its failure is only told.
func (w *work) postHook(ctx context.Context, o Outcome) {
	argv := w.d.Stack.Settings.Deploy.PostHook
	if len(argv) == 0 {
		return
	}
	if err := w.hook(ctx, "POST_DEPLOY", argv, o); err != nil {
		w.d.say("%v", err)
	}
}

// hook runs a command of the user's on this machine, in the checkout. It gets the
// environment that any child gets: without settings and without secrets.
func (w *work) hook(ctx context.Context, name string, argv []string, o Outcome) error {
	s := w.d.Stack.Settings
	environ := append(s.Inherited(),
		"DEPLOY_ENV="+s.Env, "DEPLOY_PROJECT="+s.Project, "DEPLOY_KIND="+string(w.kind), "DEPLOY_ID="+w.release.ID,
		"DEPLOY_VERSION="+w.release.Version, "DEPLOY_REVISION="+w.release.Revision, "DEPLOY_OUTCOME="+string(o))
	err := run.Run(ctx, run.Cmd{
		Name: argv[0], Args: argv[1:], Dir: s.Root, Env: environ, Stdout: w.d.Stack.Err, Stderr: w.d.Stack.Err,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
