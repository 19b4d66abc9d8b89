//go:build mage

package main

import (
	"context"

	"github.com/magefile/mage/mg"

	"drydock/internal/backup/configure"
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

// Config backs up settings, secrets (encrypted), checkout, compose, nginx, deploys and images. ARCHIVE=file for a copy.
func (Backup) Config(ctx context.Context) error {
	return target.Configuration(ctx, true, func(ctx context.Context, c *configure.Config) error { return c.Backup(ctx) })
}

// ConfigRestore makes the folder INTO from such a backup, with AGE_KEY_FILE. BACKUP=id, ARCHIVE=file or REPOSITORY=s3 says which;
// SIGNER=ed25519:... says who has to have signed it.
func (Backup) ConfigRestore(ctx context.Context) error {
	return target.Configuration(ctx, false, func(ctx context.Context, c *configure.Config) error { return c.Restore(ctx) })
}

// Full makes a full physical backup now, in each repository, and prints the ids.
func (Backup) Full(ctx context.Context) error {
	return target.Backup(ctx, func(ctx context.Context, r *remote.Remote) error { return r.Copy(ctx, "full") })
}

// Differential makes a physical backup of what has changed since the last full one.
func (Backup) Differential(ctx context.Context) error {
	return target.Backup(ctx, func(ctx context.Context, r *remote.Remote) error { return r.Copy(ctx, "differential") })
}

// Incremental makes a physical backup of what has changed since the last one of any kind.
func (Backup) Incremental(ctx context.Context) error {
	return target.Backup(ctx, func(ctx context.Context, r *remote.Remote) error { return r.Copy(ctx, "incremental") })
}

// List shows the backups: when, how large, what they hold, whether they are good. FORMAT=json for machines.
func (Backup) List(ctx context.Context) error {
	return target.Backup(ctx, func(ctx context.Context, r *remote.Remote) error { return r.List(ctx) })
}

// Verify reads every backup again and compares it with its manifest. BACKUP=id looks at one.
func (Backup) Verify(ctx context.Context) error {
	return target.Backup(ctx, func(ctx context.Context, r *remote.Remote) error { return r.Verify(ctx) })
}

// Fetch brings a dump or a configuration backup back whose copy is on S3: BACKUP=id, or the newest of each. Prints the ids.
func (Backup) Fetch(ctx context.Context) error {
	return target.Backup(ctx, func(ctx context.Context, r *remote.Remote) error { return r.Fetch(ctx) })
}

// Prune removes the backups that the retention settings do not keep. DRY_RUN=1 shows them, with reasons.
// FORMAT=json for machines.
func (Backup) Prune(ctx context.Context) error {
	return target.Backup(ctx, func(ctx context.Context, r *remote.Remote) error { return r.Prune(ctx) })
}

// Remove takes away BACKUP=id: a damaged one, or to have space; the newest good and proven ones stay. BACKUP=gone: what its
// repository does not have any more. DRY_RUN=1 tells.
func (Backup) Remove(ctx context.Context) error {
	return target.Backup(ctx, func(ctx context.Context, r *remote.Remote) error { return r.Remove(ctx) })
}

// RestoreDrill proves the newest backups: restored in a scratch stack, compared, checked, the backend started. BACKUP=id
// chooses one. FORMAT=json for machines.
func (Backup) RestoreDrill(ctx context.Context) error {
	return target.Drill(ctx, func(ctx context.Context, d *drill.Drill) error { return d.Run(ctx) })
}

// Restore restores a dump beside the live database, or a physical backup. BACKUP=id chooses one; AT=time and
// REPOSITORY=s3 mean the physical ones. Of a dump, TABLES=a,b restores these alone, and DATABASE=name says where to.
// REPLACE=1 takes the place of what is there.
func (Backup) Restore(ctx context.Context) error { return target.Restore(ctx) }
