package target

import (
	"context"

	"drydock/internal/report"
	"drydock/internal/stack"
)

// Report runs fn with what collects a report of the environment.
func Report(ctx context.Context, fn func(context.Context, report.Gatherer) error) error {
	return Stack(ctx, func(ctx context.Context, st *stack.Stack) error { return fn(ctx, report.Gatherer{Stack: st}) })
}
