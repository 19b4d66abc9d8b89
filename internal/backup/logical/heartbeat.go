package logical

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// HeartbeatSchema is where the heartbeat lies. It is dumped, restored and compared like any
// other; only the question whether a database is empty leaves it out.
const HeartbeatSchema = "drydock"

// heartbeatSQL makes the table where it is missing. CREATE ... IF NOT EXISTS alone would
// take locks, and write to the server's log, at each beat.
const heartbeatSQL = `do $$ begin
	if to_regclass('drydock.heartbeat') is null then
		perform pg_catalog.pg_advisory_xact_lock(4919131);
		create schema if not exists drydock;
		create table if not exists drydock.heartbeat (one int primary key default 1 check (one = 1), at timestamptz not null, host text not null);
		comment on schema drydock is 'written by the backup service: how much a recovery would lose';
	end if;
end $$`

// Beat writes the time, as the server has it, into the database. One row is changed in
// place, so it takes no room, and each dump and each piece of WAL has the last one before it.
// In a session of its own: one that stayed would be in the way of who renames the database.
func Beat(ctx context.Context, s Server, host string) (at time.Time, err error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return at, err
	}
	defer closeConn(conn)
	if _, err := conn.Exec(ctx, heartbeatSQL); err != nil {
		return at, fmt.Errorf("making the heartbeat's table in %s: %w", s, err)
	}
	err = conn.QueryRow(ctx, `insert into drydock.heartbeat as h (one, at, host) values (1, pg_catalog.clock_timestamp(), $1)
		on conflict (one) do update set at = excluded.at, host = excluded.host returning at`, host).Scan(&at)
	if err != nil {
		return at, fmt.Errorf("writing the heartbeat into %s: %w", s, err)
	}
	return at.UTC(), nil
}

// Ping says whether the database takes a session and answers in it.
func Ping(ctx context.Context, s Server) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	if err := conn.Ping(ctx); err != nil {
		return fmt.Errorf("asking %s: %w", s, err)
	}
	return nil
}

// NewestHeartbeat is the last one that the database holds; nil if it has none.
func NewestHeartbeat(ctx context.Context, s Server) (*time.Time, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer closeConn(conn)
	var there bool
	if err := conn.QueryRow(ctx, "select pg_catalog.to_regclass('drydock.heartbeat') is not null").Scan(&there); err != nil || !there {
		return nil, err
	}
	var at time.Time
	err = conn.QueryRow(ctx, "select at from drydock.heartbeat").Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the heartbeat of %s: %w", s, err)
	}
	at = at.UTC()
	return &at, nil
}
