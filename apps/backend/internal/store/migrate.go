package store

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
)

// Applied is one migration that was just run.
type Applied struct {
	Version  int64
	Name     string
	Up       bool
	Duration time.Duration
}

// Migration is one embedded migration and when it was applied.
type Migration struct {
	Version int64     `json:"version"`
	Name    string    `json:"name"`
	Applied bool      `json:"applied"`
	At      time.Time `json:"applied_at,omitzero"`
}

// Up applies the pending migrations, each in a transaction of its own, and returns those it applied.
func (m *Migrator) Up(ctx context.Context) ([]Applied, error) {
	return m.run(ctx, m.provider.Up)
}

// DownTo undoes every migration above the version. Data that only they hold is lost.
func (m *Migrator) DownTo(ctx context.Context, version int64) ([]Applied, error) {
	if version < 0 || version > Latest() {
		return nil, fmt.Errorf("undoing migrations: there is no version %d; give one from 0 to %d", version, Latest())
	}
	return m.run(ctx, func(ctx context.Context) ([]*goose.MigrationResult, error) {
		return m.provider.DownTo(ctx, version)
	})
}

// Status lists all embedded migrations, oldest first.
func (m *Migrator) Status(ctx context.Context) ([]Migration, error) {
	all, err := m.provider.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the migration status: %w", err)
	}
	list := make([]Migration, 0, len(all))
	for _, s := range all {
		list = append(list, Migration{
			Version: s.Source.Version,
			Name:    path.Base(s.Source.Path),
			Applied: s.State == goose.StateApplied,
			At:      s.AppliedAt,
		})
	}
	return list, nil
}

// run repeats an attempt that gave way to live traffic: lock_timeout ended its wait, so the queries queued behind it
// went on. What was applied before stays applied; a repetition goes on from there.
func (m *Migrator) run(ctx context.Context, step func(context.Context) ([]*goose.MigrationResult, error)) ([]Applied, error) {
	var done []Applied
	for attempt := 1; ; attempt++ {
		results, err := step(ctx)
		var partial *goose.PartialError
		if errors.As(err, &partial) {
			results = partial.Applied
		}
		for _, r := range results {
			done = append(done, Applied{
				Version:  r.Source.Version,
				Name:     path.Base(r.Source.Path),
				Up:       r.Direction == "up",
				Duration: r.Duration,
			})
		}
		switch {
		case err == nil:
			return done, nil
		case !isLockTimeout(err):
			return done, fmt.Errorf("migrating: %w", err)
		case attempt >= m.retry.attempts:
			return done, fmt.Errorf("migrating, %d attempts: %w; a long transaction holds the table: find it in pg_stat_activity, or migrate later", attempt, err)
		}
		m.retry.notify(attempt, err)
		if err := pause(ctx, m.retry.pause(attempt)); err != nil {
			return done, fmt.Errorf("migrating: %w", err)
		}
	}
}

func isLockTimeout(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "55P03"
}
