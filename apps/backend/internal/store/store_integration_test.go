//go:build integration

package store

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"drydock/backend/internal/board"
	"drydock/backend/internal/config"
	"drydock/backend/internal/testenv"
)

// migrate applies all migrations.
func migrate(t *testing.T, c *config.Config) {
	t.Helper()
	m := openMigrator(t, c)
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func openMigrator(t *testing.T, c *config.Config) *Migrator {
	t.Helper()
	m, err := OpenMigrator(t.Context(), c.Database, Limits{Lock: c.Migrate.LockTimeout, Statement: c.Migrate.StatementTimeout, Wait: c.Migrate.Wait}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func openPool(t *testing.T, c *config.Config, conns int) *pgxpool.Pool {
	t.Helper()
	pool, err := OpenPool(t.Context(), c.Database, conns)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func newStore(t *testing.T) (*Store, *config.Config) {
	t.Helper()
	c := testenv.Config(t)
	migrate(t, c)
	return New(openPool(t, c, 4)), c
}

func create(t *testing.T, s *Store, title, body string) board.Note {
	t.Helper()
	n, err := s.Create(t.Context(), board.Draft{Title: title, Body: body})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func ptr(s string) *string { return &s }

func TestNoteLife(t *testing.T) {
	s, _ := newStore(t)
	n := create(t, s, "milk", "two litres\nπ 'quoted' \\ \u0001")
	if n.ID < 1 || n.Version != 1 || n.CreatedAt.IsZero() || !n.UpdatedAt.Equal(n.CreatedAt) {
		t.Errorf("got %+v", n)
	}
	got, err := s.Get(t.Context(), n.ID)
	if err != nil || got != n {
		t.Errorf("got %+v, %v, want %+v", got, err, n)
	}
	changed, err := s.Update(t.Context(), n.ID, 1, board.Patch{Title: ptr("bread")})
	if err != nil || changed.Title != "bread" || changed.Body != n.Body || changed.Version != 2 || !changed.UpdatedAt.After(n.UpdatedAt) {
		t.Errorf("got %+v, %v", changed, err)
	}
	var conflict *board.ConflictError
	if _, err := s.Update(t.Context(), n.ID, 1, board.Patch{Body: ptr("x")}); !errors.As(err, &conflict) || conflict.Current != changed {
		t.Errorf("got %v", err)
	}
	if _, err := s.Delete(t.Context(), n.ID, 1); !errors.As(err, &conflict) {
		t.Errorf("got %v", err)
	}
	if gone, err := s.Delete(t.Context(), n.ID, 2); err != nil || gone != changed {
		t.Errorf("got %+v, %v", gone, err)
	}
	for name, err := range map[string]error{
		"get":    func() error { _, err := s.Get(t.Context(), n.ID); return err }(),
		"update": func() error { _, err := s.Update(t.Context(), n.ID, 2, board.Patch{Body: ptr("")}); return err }(),
		"delete": func() error { _, err := s.Delete(t.Context(), n.ID, board.AnyVersion); return err }(),
	} {
		if !errors.Is(err, board.ErrNotFound) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestOnlyOneOfManyEditorsWins(t *testing.T) {
	s, _ := newStore(t)
	n := create(t, s, "a", "")
	var won, lost atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			_, err := s.Update(t.Context(), n.ID, 1, board.Patch{Body: ptr("mine")})
			var conflict *board.ConflictError
			switch {
			case err == nil:
				won.Add(1)
			case errors.As(err, &conflict):
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || lost.Load() != 19 {
		t.Errorf("%d won, %d lost", won.Load(), lost.Load())
	}
}

func TestSearch(t *testing.T) {
	s, _ := newStore(t)
	create(t, s, "Einkauf", "Milch und Brötchen")
	create(t, s, "50% off", `a_b \ c`)
	create(t, s, "会议", "明天下午三点在会议室")
	for search, want := range map[string]int{
		"":             3,
		"milch":        1,
		"BRÖTCHEN":     1,
		"einkauf und":  1, // title and body
		"milch käse":   0, // every word
		"0%":           1,
		"%":            1, // not a wildcard
		"_":            1,
		`\`:            1,
		"三点":           1,
		"会议室":          1,
		"'; DROP --":   0,
		"x%x":          0,
		"einkauf ilch": 1,
	} {
		page, err := s.List(t.Context(), board.Query{Words: strings.Fields(search), Limit: 10})
		if err != nil || len(page.Notes) != want {
			t.Errorf("%q: got %d notes, %v, want %d", search, len(page.Notes), err, want)
		}
	}
}

// The index serves the search only while both spell the same expression.
func TestSearchUsesItsIndex(t *testing.T) {
	s, _ := newStore(t)
	ctx := t.Context()
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	// On an empty table every plan costs the same, so the alternatives are ruled out.
	if _, err := tx.Exec(ctx, `SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off`); err != nil {
		t.Fatal(err)
	}
	rows, err := tx.Query(ctx, `EXPLAIN `+listSQL(2), int64(0), 10, "%milk%", "%bread%")
	if err != nil {
		t.Fatal(err)
	}
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || !strings.Contains(strings.Join(plan, "\n"), "notes_search") {
		t.Errorf("%v\n%s", err, strings.Join(plan, "\n"))
	}
}

// Pages neither repeat nor hide a note while others come and go.
func TestPagesStayTogether(t *testing.T) {
	s, _ := newStore(t)
	want := map[int64]bool{}
	var ids []int64
	for range 25 {
		n := create(t, s, "n", "")
		want[n.ID] = true
		ids = append(ids, n.ID)
	}
	q := board.Query{Limit: 10}
	seen := map[int64]bool{}
	for pages := 1; ; pages++ {
		p, err := s.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range p.Notes {
			if seen[n.ID] {
				t.Errorf("note %d came twice", n.ID)
			}
			seen[n.ID] = true
		}
		create(t, s, "new", "")
		if pages == 1 { // a note of the next page, and the very one that the cursor names
			for _, id := range []int64{ids[5], p.Next} {
				if _, err := s.Delete(t.Context(), id, board.AnyVersion); err != nil {
					t.Fatal(err)
				}
			}
			delete(want, ids[5])
		}
		if p.Next == 0 {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
		q.Before = p.Next
	}
	for id := range want {
		if !seen[id] {
			t.Errorf("note %d was hidden", id)
		}
	}
}

func TestExactlyOnePageHasNoNext(t *testing.T) {
	s, _ := newStore(t)
	for range 10 {
		create(t, s, "n", "")
	}
	if p, err := s.List(t.Context(), board.Query{Limit: 10}); err != nil || len(p.Notes) != 10 || p.Next != 0 {
		t.Errorf("got %d notes, next %d, %v", len(p.Notes), p.Next, err)
	}
}

// The limits of the board and the constraints of the table are the same numbers.
func TestLimitsFitTheTable(t *testing.T) {
	s, _ := newStore(t)
	create(t, s, strings.Repeat("界", board.MaxTitle), strings.Repeat("界", board.MaxBody))
	if _, err := s.Create(t.Context(), board.Draft{Title: strings.Repeat("x", board.MaxTitle+1)}); err == nil {
		t.Error("the table takes longer titles than the board")
	}
}

func TestCounters(t *testing.T) {
	s, _ := newStore(t)
	create(t, s, "a", "")
	for range 3 {
		if err := s.AddVisit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if st, err := s.Stats(t.Context()); err != nil || st != (board.Stats{Notes: 1, Visits: 3}) {
		t.Errorf("got %+v, %v", st, err)
	}
}

func TestOutageIsUnavailableAndPasses(t *testing.T) {
	c := testenv.Config(t)
	migrate(t, c)
	proxy := testenv.DatabaseThrough(t, c)
	s := New(openPool(t, c, 2))
	create(t, s, "before", "")

	proxy.Cut()
	if _, err := s.List(t.Context(), board.Query{Limit: 1}); !errors.Is(err, board.ErrUnavailable) {
		t.Errorf("cut: got %v", err)
	}
	proxy.Restore()
	create(t, s, "between", "")

	proxy.Hang()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if _, err := s.List(ctx, board.Query{Limit: 1}); !errors.Is(err, board.ErrUnavailable) {
		t.Errorf("hanging: got %v", err)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("gave up after %v", took)
	}
	proxy.Restore()
	create(t, s, "after", "")
}

func TestNoSchemaIsUnavailable(t *testing.T) {
	c := testenv.Config(t)
	s := New(openPool(t, c, 1))
	if _, err := s.List(t.Context(), board.Query{Limit: 1}); !errors.Is(err, board.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}
