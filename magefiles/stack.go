//go:build mage

package main

import (
	"context"

	"drydock/internal/stack"
	"drydock/internal/target"
)

// Build builds every image that is not up to date. IMAGES=backend,frontend chooses. FORMAT=json for machines.
func Build(ctx context.Context) error {
	return target.Stack(ctx, func(ctx context.Context, s *stack.Stack) error { return s.Build(ctx) })
}

// Up starts the whole environment, builds what it needs, and prints the page's address. In prod a release that was deployed stays.
// ENV=prod chooses the environment, DOCKER_HOST the engine; any setting can be given for once: HTTP_PORT=18080.
func Up(ctx context.Context) error {
	return target.Stack(ctx, func(ctx context.Context, s *stack.Stack) error { return s.Up(ctx) })
}

// Down stops the environment and keeps its data. VOLUMES=1 removes the data, too, and asks first (YES=1
// answers). ENV=prod chooses the environment.
func Down(ctx context.Context) error {
	return target.Stack(ctx, func(ctx context.Context, s *stack.Stack) error { return s.Down(ctx) })
}

// Status shows every service: health, version, uptime, restarts, memory, ports. FORMAT=json for machines.
func Status(ctx context.Context) error {
	return target.Stack(ctx, func(ctx context.Context, s *stack.Stack) error { return s.ShowStatus(ctx) })
}

// Logs shows what the services wrote. SERVICE=backend,db chooses; SINCE=10m and TAIL=100 bound; MATCH=text and
// STATUS=5xx filter; FOLLOW=1 goes on. FORMAT=json for machines.
func Logs(ctx context.Context) error {
	return target.Stack(ctx, func(ctx context.Context, s *stack.Stack) error { return s.Logs(ctx) })
}

// Psql opens a prompt on the database, or runs the SQL that a pipe brings.
func Psql(ctx context.Context) error {
	return target.Stack(ctx, func(ctx context.Context, s *stack.Stack) error { return s.Psql(ctx) })
}

// Redis opens a prompt on Redis, or runs the commands that a pipe brings.
func Redis(ctx context.Context) error {
	return target.Stack(ctx, func(ctx context.Context, s *stack.Stack) error { return s.Redis(ctx) })
}
