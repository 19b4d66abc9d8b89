package retain

import (
	"context"
	"fmt"
)

// Apply removes what the plan says, in its order, and stops at the first failure, for what
// comes later may be needed by what could not be removed. It returns what is gone.
func Apply(ctx context.Context, plan Outcome, remove func(context.Context, Backup) error) ([]Backup, error) {
	var gone []Backup
	for _, d := range plan.Remove {
		if err := context.Cause(ctx); err != nil {
			return gone, fmt.Errorf("pruning was stopped after %d of %d backups: %w", len(gone), len(plan.Remove), err)
		}
		if err := remove(ctx, d.Backup); err != nil {
			return gone, fmt.Errorf("pruning stopped after %d of %d backups: %w", len(gone), len(plan.Remove), err)
		}
		gone = append(gone, d.Backup)
	}
	return gone, nil
}
