package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Probe checks the database on a connection of its own: under full load the pool that serves requests is busy, and a
// readiness check that queued behind them would take a healthy instance out of service when it is needed most.
type Probe struct {
	pool *pgxpool.Pool
}

// NewProbe returns a Probe on a pool of one connection, which stays the caller's to close.
func NewProbe(pool *pgxpool.Pool) *Probe {
	return &Probe{pool: pool}
}

// SchemaError says that the database answers but its schema is older than this program needs.
type SchemaError struct {
	Have, Want int64
}

func (e *SchemaError) Error() string {
	return fmt.Sprintf("the schema is at version %d, this program needs %d; run `backend migrate up`", e.Have, e.Want)
}

// Check asks for the schema's version. It only reads. A newer schema is fine: during a deploy the old release goes on
// serving on the schema that the new one has expanded.
func (p *Probe) Check(ctx context.Context) error {
	var have int64
	err := p.pool.QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`).Scan(&have)
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && pgErr.Code == "42P01" { // undefined table: nothing was ever migrated
		err = nil
	}
	if err != nil {
		return translate(err)
	}
	if want := Latest(); have < want {
		return &SchemaError{Have: have, Want: want}
	}
	return nil
}
