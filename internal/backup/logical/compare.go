package logical

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"drydock/internal/backup/manifest"
)

// CompareOptions are choices of a comparison. The zero value works.
type CompareOptions struct {
	Jobs int // sessions that count and hash; 0 is 2
}

// Compare compares the server's database with a manifest and returns what differs, by
// name; manifest.Faults leaves out what does not make a restore wrong. All sessions see one
// state, so writes that go on are either in it or not; sequences are read as they are.
func Compare(ctx context.Context, s Server, m *manifest.Manifest, o CompareOptions) ([]manifest.Difference, error) {
	got, err := Inventory(ctx, s, o)
	if err != nil {
		return nil, fmt.Errorf("comparing %s with the backup: %w", s, err)
	}
	return manifest.Diff(m.Contents, got), nil
}

// Inventory lists what is in the server's database, in one snapshot.
func Inventory(ctx context.Context, s Server, o CompareOptions) (manifest.Contents, error) {
	snap := &snapshot{}
	defer func() { snap.close() }()
	keeper, err := s.connect(ctx)
	if err != nil {
		return manifest.Contents{}, err
	}
	snap.keeper = keeper
	if _, err := keeper.Exec(ctx, "begin transaction isolation level repeatable read read only"); err != nil {
		return manifest.Contents{}, fmt.Errorf("taking a snapshot of %s: %w", s, err)
	}
	if err := keeper.QueryRow(ctx, "select pg_export_snapshot()").Scan(&snap.id); err != nil {
		return manifest.Contents{}, fmt.Errorf("taking a snapshot of %s: %w", s, err)
	}
	conns := []*pgx.Conn{keeper}
	defer func() {
		for _, c := range conns[1:] {
			closeConn(c)
		}
	}()
	jobs := o.Jobs
	if jobs <= 0 {
		jobs = 2
	}
	for len(conns) < jobs {
		c, err := snap.join(ctx, s)
		if err != nil {
			return manifest.Contents{}, err
		}
		conns = append(conns, c)
	}
	c, err := inventory(ctx, conns)
	return c, withCause(ctx, err)
}
