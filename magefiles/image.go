//go:build mage

package main

import (
	"context"

	"github.com/magefile/mage/mg"

	"drydock/internal/stack"
	"drydock/internal/target"
)

// Image is about the images after they were built.
type Image mg.Namespace

// List shows the images under IMAGE_PREFIX: version, how old their commit is, size, where they run. FORMAT=json for machines.
func (Image) List(ctx context.Context) error {
	return target.Stack(ctx, func(ctx context.Context, s *stack.Stack) error { return s.ListImages(ctx) })
}

// Prune removes old images; the running ones, the previous release and the newest IMAGE_KEEP stay. DRY_RUN=1
// shows. FORMAT=json for machines.
func (Image) Prune(ctx context.Context) error {
	return target.Stack(ctx, func(ctx context.Context, s *stack.Stack) error { return s.PruneImages(ctx) })
}

// Push publishes the images to REGISTRY; tags that are there with another content are refused. IMAGES=backend
// chooses. FORMAT=json for machines.
func (Image) Push(ctx context.Context) error {
	return target.Stack(ctx, func(ctx context.Context, s *stack.Stack) error { return s.PushImages(ctx) })
}

// Ship brings the images to the engine at TO (ssh://, tcp://, unix://) without a registry. IMAGES=backend chooses.
// FORMAT=json for machines.
func (Image) Ship(ctx context.Context) error {
	return target.Stack(ctx, func(ctx context.Context, s *stack.Stack) error { return s.ShipImages(ctx) })
}

// Sbom writes the bill of materials of the images: image:sbom -kind=spdx, or cyclonedx. IMAGES=backend chooses.
func (Image) Sbom(ctx context.Context, kind *string) error {
	return target.Stack(ctx, func(ctx context.Context, s *stack.Stack) error { return s.BillImages(ctx, kind) })
}
