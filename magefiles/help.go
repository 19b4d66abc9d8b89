//go:build mage

package main

import (
	"context"

	"drydock/internal/target"
)

// Default is what mage does without a target.
var Default = Help

// Help prints the targets by group.
func Help(ctx context.Context) error { return target.Help(ctx) }
