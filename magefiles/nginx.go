//go:build mage

package main

import (
	"context"

	"github.com/magefile/mage/mg"

	"drydock/internal/gateway"
	"drydock/internal/target"
)

// Nginx checks, explains and changes the gateway's configuration.
type Nginx mg.Namespace

// Validate has nginx check the configuration of every environment. FORMAT=json for machines.
func (Nginx) Validate(ctx context.Context) error {
	return target.Gateway(ctx, func(ctx context.Context, g *gateway.Gateway) error { return g.Validate(ctx) })
}

// Lint reports what is valid and wrong all the same, by rule, with reason and fix. CONF=path looks at any nginx
// folder. FORMAT=json for machines.
func (Nginx) Lint(ctx context.Context) error {
	return target.Gateway(ctx, func(ctx context.Context, g *gateway.Gateway) error { return g.Lint(ctx) })
}

// Routes prints which request goes where; ROUTE=/api/x?y=1 explains one, decision by decision. CONF=path looks at any
// nginx folder. FORMAT=json for machines.
func (Nginx) Routes(ctx context.Context) error {
	return target.Gateway(ctx, func(ctx context.Context, g *gateway.Gateway) error { return g.Routes(ctx) })
}

// Reload checks the checkout's configuration and makes it live. No restart; on any failure the running
// one stays. FORMAT=json for machines.
func (Nginx) Reload(ctx context.Context) error {
	return target.Gateway(ctx, func(ctx context.Context, g *gateway.Gateway) error { return g.Reload(ctx) })
}

// Status shows the running gateway: which colour is live, who is in the pools. FORMAT=json for machines.
func (Nginx) Status(ctx context.Context) error {
	return target.Gateway(ctx, func(ctx context.Context, g *gateway.Gateway) error { return g.Status(ctx) })
}

// Maintenance answers for the product while it is worked on.
type Maintenance mg.Namespace

// On answers every request with 503 and a page that says so, except health checks.
func (Maintenance) On(ctx context.Context) error {
	return target.Gateway(ctx, func(ctx context.Context, g *gateway.Gateway) error { return g.Maintenance(ctx, true) })
}

// Off lets requests through again.
func (Maintenance) Off(ctx context.Context) error {
	return target.Gateway(ctx, func(ctx context.Context, g *gateway.Gateway) error { return g.Maintenance(ctx, false) })
}
