//go:build mage

package main

import (
	"context"

	"drydock/internal/target"
)

// Setup installs what is missing on Debian and Ubuntu, the Docker Engine included, and says so first.
// DRY_RUN=1 only says so.
func Setup(ctx context.Context) error { return target.Setup(ctx) }

// Doctor looks at every prerequisite and says how to mend what is missing. It changes nothing. FORMAT=json for
// machines.
func Doctor(ctx context.Context) error { return target.Doctor(ctx) }
