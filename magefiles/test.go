//go:build mage

package main

import (
	"context"

	"github.com/magefile/mage/mg"

	"drydock/internal/check"
	"drydock/internal/engine"
	"drydock/internal/target"
)

// Test is about the project's own tests.
type Test mg.Namespace

// All runs every check that a change has to pass: lint, unit, integration, end to end. `test` alone means this.
func (Test) All(ctx context.Context) error {
	return target.CheckOnEngine(ctx, func(ctx context.Context, c *check.Checks, e *engine.Client) error { return c.All(ctx, e) })
}

// Unit runs the tests that need nothing but Go.
func (Test) Unit(ctx context.Context) error {
	return target.Check(ctx, func(ctx context.Context, c *check.Checks) error { return c.Unit(ctx) })
}

// Integration runs the tests against real Docker, nginx, PostgreSQL and Redis.
func (Test) Integration(ctx context.Context) error {
	return target.CheckOnEngine(ctx, func(ctx context.Context, c *check.Checks, e *engine.Client) error { return c.Integration(ctx, e) })
}

// E2e runs the tests that drive the whole stack with a real browser.
func (Test) E2e(ctx context.Context) error {
	return target.Check(ctx, func(ctx context.Context, c *check.Checks) error { return c.EndToEnd(ctx) })
}

// Faults kills, cuts off and loses every part of the product, and tries every bad release; it takes a while.
func (Test) Faults(ctx context.Context) error {
	return target.Check(ctx, func(ctx context.Context, c *check.Checks) error { return c.Faults(ctx) })
}

// Long sets machines up, builds on a second engine, and tries what else takes too long for every change.
func (Test) Long(ctx context.Context) error {
	return target.Check(ctx, func(ctx context.Context, c *check.Checks) error { return c.Long(ctx) })
}

// Check is about the project's code.
type Check mg.Namespace

// Lint checks formatting, go vet, staticcheck and the workflows of CI.
func (Check) Lint(ctx context.Context) error {
	return target.Check(ctx, func(ctx context.Context, c *check.Checks) error { return c.Lint(ctx) })
}

// Vuln looks for known vulnerabilities in the modules that are used. It needs the network.
func (Check) Vuln(ctx context.Context) error {
	return target.Check(ctx, func(ctx context.Context, c *check.Checks) error { return c.Vuln(ctx) })
}

// Aliases are the short names.
var Aliases = map[string]any{"test": Test.All}
