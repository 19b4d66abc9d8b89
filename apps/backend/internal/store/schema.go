package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Latest is the version of the newest embedded migration.
func Latest() int64 {
	entries, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil || len(entries) == 0 {
		panic("store: no migrations are embedded") // the program was built wrongly
	}
	name := strings.TrimPrefix(entries[len(entries)-1], "migrations/") // Glob sorts, and the numbers have five digits
	number, _, _ := strings.Cut(name, "_")
	v, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		panic("store: migration " + name + " does not start with its number")
	}
	return v
}

// Limits bound what a migration may do to a database that is serving.
type Limits struct {
	Lock      time.Duration // lock_timeout
	Statement time.Duration // statement_timeout
	Wait      time.Duration // for a database that does not answer yet
}

// Migrator applies the embedded migrations. One at a time works on a database: the others wait up to two minutes on a
// PostgreSQL advisory lock, which the server frees by itself when its holder dies.
type Migrator struct {
	db       *sql.DB
	provider *goose.Provider
	retry    retry
}

// retry says how often an attempt is made again, and how long after.
type retry struct {
	attempts int
	pause    func(attempt int) time.Duration
	notify   func(attempt int, err error)
}

// OpenMigrator waits for the database and prepares the migrations. The caller closes it. notify is told of every attempt
// that will be repeated; it may be nil.
func OpenMigrator(ctx context.Context, conn *pgx.ConnConfig, limits Limits, notify func(attempt int, err error)) (*Migrator, error) {
	if notify == nil {
		notify = func(int, error) {}
	}
	db := stdlib.OpenDB(*bounded(conn, "backend-migrate", map[string]time.Duration{
		"lock_timeout":      limits.Lock,
		"statement_timeout": limits.Statement,
	}))
	if err := waitFor(ctx, db, limits.Wait, notify); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	provider, err := newProvider(db)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Migrator{db: db, provider: provider, retry: retry{
		attempts: 5,
		pause:    func(attempt int) time.Duration { return time.Duration(attempt) * time.Second },
		notify:   notify,
	}}, nil
}

func newProvider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return nil, fmt.Errorf("reading the embedded migrations: %w", err)
	}
	// Tried every second, 120 times. It polls with pg_try_advisory_lock: a blocking wait would hold a snapshot, which
	// deadlocks with CREATE INDEX CONCURRENTLY of the one that has the lock.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 120))
	if err != nil {
		return nil, fmt.Errorf("preparing the migration lock: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("reading the embedded migrations: %w", err)
	}
	return p, nil
}

// Close frees the connection.
func (m *Migrator) Close() error {
	return m.provider.Close()
}

// waitFor pings until the database answers, the time is up, or the answer is one that waiting does not change.
func waitFor(ctx context.Context, db *sql.DB, limit time.Duration, notify func(int, error)) error {
	deadline := time.Now().Add(limit)
	for attempt := 1; ; attempt++ {
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("waiting for the database: %w", context.Cause(ctx))
		}
		if advice := permanent(err); advice != "" {
			return fmt.Errorf("connecting to the database: %w; %s", err, advice)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("connecting to the database, for %v: %w; check that it runs, DB_HOST and the network", limit, err)
		}
		notify(attempt, err)
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
}

// permanent returns what to do about a refusal that only a person can lift.
func permanent(err error) string {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return ""
	}
	switch pgErr.Code {
	case "28P01", "28000":
		// full-stack-fastapi-template 344: a volume keeps the password of its first start.
		return "the database's volume keeps the password and roles it was first started with: give that password, or change it inside with ALTER ROLE"
	case "3D000":
		return "create the database, or correct DB_NAME"
	case "42501":
		return "grant the role CONNECT and CREATE on the database"
	default:
		return ""
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
