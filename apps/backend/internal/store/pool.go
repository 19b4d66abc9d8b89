package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Bounds of one connection. StatementTimeout is the server's own guard, a little above the longest request, for the
// case that the service dies while a query runs.
const (
	connectTimeout   = 3 * time.Second
	statementTimeout = 12 * time.Second
)

// OpenPool makes a pool of at most maxConns connections. It does not connect yet: the service starts without a
// database and is unready until one answers.
func OpenPool(ctx context.Context, conn *pgx.ConnConfig, maxConns int) (*pgxpool.Pool, error) {
	// ParseConfig is the only constructor of a pool's configuration; the connection part is then replaced by ours.
	pc, err := pgxpool.ParseConfig(conn.ConnString())
	if err != nil {
		return nil, fmt.Errorf("preparing the connection pool: %w", err)
	}
	pc.ConnConfig = bounded(conn, "backend", map[string]time.Duration{"statement_timeout": statementTimeout})
	pc.MaxConns = int32(maxConns)
	pc.MinConns = 0
	pc.MaxConnIdleTime = 5 * time.Minute
	pc.MaxConnLifetime = 30 * time.Minute // follows a moved database, and frees the server's per-session memory
	pc.MaxConnLifetimeJitter = 5 * time.Minute
	pc.HealthCheckPeriod = 15 * time.Second
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("opening the connection pool: %w", err)
	}
	return pool, nil
}

// bounded copies a connection configuration and adds a name for pg_stat_activity, server-side timeouts, and a watcher
// that asks the server to cancel a query whose context ended. The default only closes the socket, and the server would
// work on until it next writes to it.
func bounded(conn *pgx.ConnConfig, name string, timeouts map[string]time.Duration) *pgx.ConnConfig {
	c := conn.Copy()
	c.ConnectTimeout = connectTimeout
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = name
	}
	for param, d := range timeouts {
		c.RuntimeParams[param] = strconv.FormatInt(d.Milliseconds(), 10)
	}
	c.BuildContextWatcherHandler = func(pg *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{
			Conn:          pg,
			DeadlineDelay: 500 * time.Millisecond, // a server that is stopped or cut off cannot answer the cancel
		}
	}
	return c
}
