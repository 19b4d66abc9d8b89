//go:build mage

package main

import (
	"context"

	"github.com/magefile/mage/mg"

	"drydock/internal/deploy"
	"drydock/internal/env"
	"drydock/internal/target"
)

// Deploy replaces the release that serves, and takes that back. Without ENV the environment is prod.
type Deploy mg.Namespace

// Prod makes the checkout's release live without a lost request; on any failure the old one goes on. ENV=staging chooses.
func (Deploy) Prod(ctx context.Context) error {
	return target.DeployMode(ctx, env.Prod, func(ctx context.Context, d *deploy.Deployer) error { return d.Deploy(ctx) })
}

// Dev does the same with the production images on the dev environment: a rehearsal. 'up' returns to live reload.
func (Deploy) Dev(ctx context.Context) error {
	return target.DeployMode(ctx, env.Dev, func(ctx context.Context, d *deploy.Deployer) error { return d.Deploy(ctx) })
}

// Plan shows what a deploy would change: images, settings, compose files, nginx, migrations. It builds the images that
// are missing, and changes nothing that runs. FORMAT=json for machines.
func (Deploy) Plan(ctx context.Context) error {
	return target.Deploy(ctx, "prod", func(ctx context.Context, d *deploy.Deployer) error { return d.ShowPlan(ctx) })
}

// Status shows both colours, the releases that are kept, who deploys, and what a rollback would do. FORMAT=json for machines.
func (Deploy) Status(ctx context.Context) error {
	return target.Deploy(ctx, "prod", func(ctx context.Context, d *deploy.Deployer) error { return d.ShowStatus(ctx) })
}

// History shows who deployed what, when, how long each step took and how it ended. FORMAT=json for machines.
func (Deploy) History(ctx context.Context) error {
	return target.Deploy(ctx, "prod", func(ctx context.Context, d *deploy.Deployer) error { return d.ShowHistory(ctx) })
}

// Rollback makes the release before live again, or TO=version or release. The same checks as a deploy; a warm one serves in about ten seconds.
func (Deploy) Rollback(ctx context.Context) error {
	return target.Deploy(ctx, "prod", func(ctx context.Context, d *deploy.Deployer) error {
		return d.Rollback(ctx, d.Stack.Settings.Options.To)
	})
}

// Unlock removes the lock of a deploy that has died. YES=1 also that of one that lives.
func (Deploy) Unlock(ctx context.Context) error {
	return target.Deploy(ctx, "prod", func(ctx context.Context, d *deploy.Deployer) error { return d.Unlock(ctx) })
}
