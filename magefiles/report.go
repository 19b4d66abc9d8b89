//go:build mage

package main

import (
	"context"

	"drydock/internal/report"
	"drydock/internal/target"
)

// Report writes one page that shows it all: services, releases, deploys, backups, drills, certificate, disk. FORMAT=json for machines.
func Report(ctx context.Context) error {
	return target.Report(ctx, func(ctx context.Context, g report.Gatherer) error { return g.Make(ctx) })
}
