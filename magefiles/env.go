//go:build mage

package main

import (
	"context"
	"os"

	"github.com/magefile/mage/mg"

	"drydock/internal/env"
	"drydock/internal/target"
)

// Env is about the settings.
type Env mg.Namespace

// Check checks every setting of ENV and lists all that is wrong, with file and line. FORMAT=json for machines.
func (Env) Check(ctx context.Context) error {
	return target.Source(ctx, func(_ context.Context, src env.Source) error { return env.Check(os.Stdout, src) })
}

// Show shows every setting of ENV with its value and where that comes from; secrets are masked. FORMAT=json for machines.
func (Env) Show(ctx context.Context) error {
	return target.Source(ctx, func(_ context.Context, src env.Source) error { return env.Show(os.Stdout, src) })
}

// Diff shows what differs between two environments: env:diff dev prod. FORMAT=json for machines.
func (Env) Diff(ctx context.Context, a, b string) error {
	return target.Source(ctx, func(_ context.Context, src env.Source) error { return env.Diff(os.Stdout, src, a, b) })
}

// Secrets makes the secrets that ENV lacks, as strong ones in .secrets/, and prints their files.
func (Env) Secrets(ctx context.Context) error {
	return target.Source(ctx, func(_ context.Context, src env.Source) error { return env.GenerateMissing(os.Stdout, src) })
}
