//go:build mage

package main

import (
	"context"

	"github.com/magefile/mage/mg"

	"drydock/internal/security"
	"drydock/internal/target"
)

// Security looks at what runs with the eyes of an auditor.
type Security mg.Namespace

// Check holds the running stack and its Dockerfiles against the CIS Docker Benchmark and more, rule by rule. FORMAT=json for machines.
func (Security) Check(ctx context.Context) error {
	return target.Security(ctx, func(ctx context.Context, c *security.Check) error { return c.Run(ctx) })
}
