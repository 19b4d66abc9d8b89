package store

import (
	"context"

	"drydock/backend/internal/board"
)

// Stats counts from the tables; callers cache it.
func (s *Store) Stats(ctx context.Context) (board.Stats, error) {
	var st board.Stats
	err := s.pool.QueryRow(ctx,
		`SELECT (SELECT count(*) FROM notes), (SELECT value FROM counters WHERE name = 'visits')`,
	).Scan(&st.Notes, &st.Visits)
	return st, translate(err)
}

// AddVisit counts one visit.
func (s *Store) AddVisit(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, `UPDATE counters SET value = value + 1 WHERE name = 'visits'`)
	return translate(err)
}
