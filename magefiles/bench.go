//go:build mage

package main

import (
	"context"

	"drydock/internal/target"
)

// Bench measures the product beside its peers, in one run, and writes docs/benchmarks.md. A bound not kept is an error. FORMAT=json for machines.
func Bench(ctx context.Context) error { return target.Bench(ctx) }
