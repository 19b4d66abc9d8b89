package logical

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"drydock/internal/backup/manifest"
)

// maxAttempts is how often a dump is tried when somebody asks for an exclusive lock on a
// table during it. All that comes later for the table queues up behind such a request,
// also the sessions of the dump, while the request waits for the dump: only giving up
// helps. pg_dump's parallel jobs lock each table when they come to it, so from the second
// attempt on there is one job, which has all its locks at once.
const maxAttempts = 4

// lockSoon bounds the wait for locks on tables that our own first session has locked:
// who has to wait then is waiting in a circle.
const lockSoon = 3 * time.Second

// crossed says whether an error comes from such a circle. pg_dump tells only in words.
func crossed(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "55P03" && errors.Is(err, errCrossed)
	}
	text := err.Error()
	return strings.Contains(text, "could not obtain lock on relation") || strings.Contains(text, "canceling statement due to statement timeout") ||
		strings.Contains(text, "canceling statement due to lock timeout")
}

// dumpOnce is one attempt.
func dumpOnce(ctx context.Context, s Server, dir string, o DumpOptions, m *manifest.Manifest) error {
	snap, err := takeSnapshot(ctx, s, o.LockWait, o.Deferrable)
	if err != nil {
		return err
	}
	defer snap.close()
	m.SnapshotAt, m.SnapshotLSN, m.Options.Jobs = snap.at, snap.lsn, o.Jobs
	if err := checkNotEmpty(ctx, snap.keeper, s, o); err != nil {
		return err
	}
	if err := readServer(ctx, snap.keeper, m); err != nil {
		return err
	}
	return dumpWith(ctx, s, dir, o, snap, m)
}

// dumpWith runs pg_dump and the inventory side by side in one snapshot, and what dumps the
// roles, which knows no snapshots. The first that fails ends the others.
func dumpWith(ctx context.Context, s Server, dir string, o DumpOptions, snap *snapshot, m *manifest.Manifest) error {
	var conns []*pgx.Conn
	defer func() {
		for _, c := range conns {
			closeConn(c)
		}
	}()
	for range o.Jobs {
		c, err := snap.join(ctx, s)
		if err != nil {
			return err
		}
		conns = append(conns, c)
		if err := snap.lockFor(ctx, c); err != nil {
			return err
		}
	}
	// Before pg_dump begins: it then dumps each sequence as it is here, or further on.
	state, err := sequences(ctx, conns[0])
	if err != nil {
		return err
	}
	var said, saidOfGlobals []string
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		said, err = runTool(gctx, o.Tools.command(s, "pg_dump", "--format=directory", "--file="+filepath.Join(dir, dumpDir),
			"--jobs="+strconv.Itoa(o.Jobs), "--compress="+m.Options.Compression, "--snapshot="+snap.id, "--no-password",
			"--lock-wait-timeout="+strconv.FormatInt(lockSoon.Milliseconds(), 10), "--dbname="+s.dbname()), o.Log)
		return err
	})
	g.Go(func() (err error) {
		saidOfGlobals, err = dumpGlobals(gctx, s, dir, o)
		return err
	})
	g.Go(func() error {
		c, err := inventoryWith(gctx, conns, state)
		m.Contents = c
		return err
	})
	if err := g.Wait(); err != nil {
		return withCause(ctx, err)
	}
	if err := snap.alive(ctx); err != nil {
		return err
	}
	m.Warnings = slices.Concat(m.Warnings, said, saidOfGlobals)
	if m.Contents.Database.Collation != m.Contents.Database.CollationActual {
		m.Warnings = append(m.Warnings, collationWarning(m.Contents.Database))
	}
	return nil
}

// withCause names the reason when the caller's context ended, rather than what broke then.
func withCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w (%w)", cause, err)
	}
	return err
}

// dumpGlobals writes the roles and tablespaces of the whole server.
func dumpGlobals(ctx context.Context, s Server, dir string, o DumpOptions) ([]string, error) {
	args := []string{"--globals-only", "--file=" + filepath.Join(dir, globalsFile), "--no-password", "--database=" + s.dbname()}
	if !o.RolePasswords {
		args = append(args, "--no-role-passwords")
	}
	return runTool(ctx, o.Tools.command(s, "pg_dumpall", args...), o.Log)
}
