//go:build mage

package main

import (
	"context"

	"github.com/magefile/mage/mg"

	"drydock/internal/target"
	"drydock/internal/training"
)

// Drill is training for people: it breaks the dev stack, and they mend it.
type Drill mg.Namespace

// List shows the exercises for a new operator, and which one runs. FORMAT=json for machines.
func (Drill) List(ctx context.Context) error {
	return target.Training(ctx, func(_ context.Context, t *training.Training) error { return t.List() })
}

// Start breaks something in the dev stack and tells what users say about it. It works in dev on this machine alone.
func (Drill) Start(ctx context.Context, name string) error {
	return target.Training(ctx, func(ctx context.Context, t *training.Training) error { return t.Start(ctx, name) })
}

// Check says whether it is mended, and after how long, or what is still wrong. FORMAT=json for machines.
func (Drill) Check(ctx context.Context) error {
	return target.Training(ctx, func(ctx context.Context, t *training.Training) error { return t.Check(ctx) })
}

// Hint says where to look.
func (Drill) Hint(ctx context.Context) error {
	return target.Training(ctx, func(_ context.Context, t *training.Training) error { return t.Hint() })
}

// Stop ends the exercise and puts everything right, whatever was done.
func (Drill) Stop(ctx context.Context) error {
	return target.Training(ctx, func(ctx context.Context, t *training.Training) error { return t.Stop(ctx) })
}
