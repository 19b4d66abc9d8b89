//go:build mage

package main

import (
	"context"

	"github.com/magefile/mage/mg"

	"drydock/internal/backup/remote"
	"drydock/internal/drill"
	"drydock/internal/target"
)

// Backup saves the data, and brings it back.
type Backup mg.Namespace

// Dump dumps the database now, with a manifest of every table's rows, and prints the backup's id.
func (Backup) Dump(ctx context.Context) error {
	return target.Backup(ctx, func(ctx context.Context, r *remote.Remote) error { return r.Dump(ctx) })
}

// List shows the backups: when, how large, what they hold, whether they are good. FORMAT=json for machines.
func (Backup) List(ctx context.Context) error {
	return target.Backup(ctx, func(ctx context.Context, r *remote.Remote) error { return r.List(ctx) })
}

// Verify reads every backup again and compares it with its manifest. BACKUP=id looks at one.
func (Backup) Verify(ctx context.Context) error {
	return target.Backup(ctx, func(ctx context.Context, r *remote.Remote) error { return r.Verify(ctx) })
}

// Prune removes the backups that the retention settings do not keep. DRY_RUN=1 shows them, with reasons.
func (Backup) Prune(ctx context.Context) error {
	return target.Backup(ctx, func(ctx context.Context, r *remote.Remote) error { return r.Prune(ctx) })
}

// RestoreDrill proves the newest dump: restored in a scratch stack, compared, checked, the backend started on it.
func (Backup) RestoreDrill(ctx context.Context) error {
	return target.Drill(ctx, func(ctx context.Context, d *drill.Drill) error { return d.Run(ctx) })
}

// Restore restores a dump into a new database beside the live one. BACKUP=id, DATABASE=name REPLACE=1, TABLES=a,b choose.
func (Backup) Restore(ctx context.Context) error {
	return target.Backup(ctx, func(ctx context.Context, r *remote.Remote) error { return r.Restore(ctx) })
}
