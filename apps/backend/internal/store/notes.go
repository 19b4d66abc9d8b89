package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"drydock/backend/internal/board"
)

// Store is board.Store and the source of the counters, on PostgreSQL. Safe for concurrent use.
type Store struct {
	pool *pgxpool.Pool
}

// New returns a Store on the pool, which stays the caller's to close.
func New(pool *pgxpool.Pool) *Store {
	return &Store{pool: pool}
}

const noteColumns = "id, title, body, version, created_at, updated_at"

// listSQL makes the query for a number of words. One condition a word: ILIKE ALL (array) would say the same, but no
// index serves it. $1 is the id to start below, 0 for the first page; $2 the limit; the words follow.
func listSQL(words int) string {
	var b strings.Builder
	b.WriteString(`SELECT ` + noteColumns + ` FROM notes WHERE ($1::bigint = 0 OR id < $1)`)
	for i := range words {
		fmt.Fprintf(&b, ` AND (title || E'\n' || body) ILIKE $%d`, i+3)
	}
	b.WriteString(` ORDER BY id DESC LIMIT $2`)
	return b.String()
}

// List returns a page; it asks for one row more than wanted to know whether there is another page.
func (s *Store) List(ctx context.Context, q board.Query) (board.Page, error) {
	args := []any{q.Before, q.Limit + 1}
	for _, w := range q.Words {
		args = append(args, "%"+likeEscaper.Replace(w)+"%")
	}
	rows, err := s.pool.Query(ctx, listSQL(len(q.Words)), args...)
	if err != nil {
		return board.Page{}, translate(err)
	}
	notes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[board.Note])
	if err != nil {
		return board.Page{}, translate(err)
	}
	if len(notes) <= q.Limit {
		return board.Page{Notes: notes}, nil
	}
	notes = notes[:q.Limit]
	return board.Page{Notes: notes, Next: notes[len(notes)-1].ID}, nil
}

// likeEscaper makes the wildcards of LIKE ordinary characters; backslash is LIKE's default escape.
var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// Get returns one note.
func (s *Store) Get(ctx context.Context, id int64) (board.Note, error) {
	return s.one(ctx, `SELECT `+noteColumns+` FROM notes WHERE id = $1`, id)
}

// Create stores a note and returns it with its id.
func (s *Store) Create(ctx context.Context, d board.Draft) (board.Note, error) {
	return s.one(ctx, `INSERT INTO notes (title, body) VALUES ($1, $2) RETURNING `+noteColumns, d.Title, d.Body)
}

// Update changes the note in one statement, which is its own lock: of two editors with the same version one finds no row.
func (s *Store) Update(ctx context.Context, id, version int64, p board.Patch) (board.Note, error) {
	n, err := s.one(ctx, `UPDATE notes
SET title = coalesce($3, title), body = coalesce($4, body), version = version + 1, updated_at = clock_timestamp()
WHERE id = $1 AND ($2::bigint = 0 OR version = $2) RETURNING `+noteColumns, id, version, p.Title, p.Body)
	return n, s.explainMiss(ctx, id, version, err)
}

// Delete removes the note and returns how it last was.
func (s *Store) Delete(ctx context.Context, id, version int64) (board.Note, error) {
	n, err := s.one(ctx, `DELETE FROM notes WHERE id = $1 AND ($2::bigint = 0 OR version = $2) RETURNING `+noteColumns,
		id, version)
	return n, s.explainMiss(ctx, id, version, err)
}

// explainMiss tells "gone" from "moved on" after a conditional statement found no row.
func (s *Store) explainMiss(ctx context.Context, id, version int64, err error) error {
	if !errors.Is(err, board.ErrNotFound) || version == board.AnyVersion {
		return err
	}
	current, err := s.Get(ctx, id)
	if err != nil {
		return err
	}
	return &board.ConflictError{Current: current}
}

func (s *Store) one(ctx context.Context, sql string, args ...any) (board.Note, error) {
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return board.Note{}, translate(err)
	}
	n, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[board.Note])
	return n, translate(err)
}
