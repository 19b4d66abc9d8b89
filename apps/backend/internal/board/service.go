package board

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// Store keeps the notes. Every method returns ErrNotFound, *ConflictError or ErrUnavailable, wrapped, where it applies.
type Store interface {
	List(ctx context.Context, q Query) (Page, error)
	Get(ctx context.Context, id int64) (Note, error)
	Create(ctx context.Context, d Draft) (Note, error)
	Update(ctx context.Context, id, version int64, p Patch) (Note, error)
	Delete(ctx context.Context, id, version int64) (Note, error)
}

// Counter knows how many notes and visits there are.
type Counter interface {
	Stats(ctx context.Context) (Stats, error)
	Visit(ctx context.Context) (Stats, error)
	Invalidate(ctx context.Context)
}

// Publisher tells every open page, on every instance, about a change. It does not fail: what it cannot deliver now it
// makes up for with a resync.
type Publisher interface {
	Publish(ctx context.Context, e Event)
}

// Stats are the numbers under the board.
type Stats struct {
	Notes  int64 `json:"notes"`
	Visits int64 `json:"visits"`
}

// The kinds of Event.
const (
	Created = "note.created"
	Updated = "note.updated"
	Deleted = "note.deleted"
)

// Event is one change. Of a deleted note only id and version are told.
type Event struct {
	Kind string
	Note Note
}

// afterCommit bounds what follows a stored change. It is no part of the request any more, whose caller may be gone.
const afterCommit = 2 * time.Second

// Service ties the parts together. All fields are required.
type Service struct {
	Store     Store
	Counter   Counter
	Publisher Publisher
	Log       *slog.Logger
}

// List returns a page of the notes that match the search.
func (s *Service) List(ctx context.Context, search string, limit int, before int64) (Page, error) {
	if reason := checkText(search, MaxQuery); reason != "" {
		return Page{}, &InvalidError{Fields: map[string]string{"q": reason}}
	}
	page, err := s.Store.List(ctx, Query{Words: words(search), Limit: limit, Before: before})
	if err != nil {
		return Page{}, fmt.Errorf("listing notes: %w", err)
	}
	return page, nil
}

// Get returns one note.
func (s *Service) Get(ctx context.Context, id int64) (Note, error) {
	n, err := s.Store.Get(ctx, id)
	if err != nil {
		return Note{}, fmt.Errorf("reading note %d: %w", id, err)
	}
	return n, nil
}

// Create stores a new note.
func (s *Service) Create(ctx context.Context, d Draft) (Note, error) {
	p, err := Patch{Title: &d.Title, Body: &d.Body}.check()
	if err != nil {
		return Note{}, err
	}
	n, err := s.Store.Create(ctx, Draft{Title: *p.Title, Body: *p.Body})
	if err != nil {
		return Note{}, fmt.Errorf("creating a note: %w", err)
	}
	s.changed(ctx, Created, n)
	return n, nil
}

// Update changes a note that is still at the given version, or at any with AnyVersion.
func (s *Service) Update(ctx context.Context, id, version int64, p Patch) (Note, error) {
	p, err := p.check()
	if err != nil {
		return Note{}, err
	}
	n, err := s.Store.Update(ctx, id, version, p)
	if err != nil {
		return Note{}, fmt.Errorf("updating note %d: %w", id, err)
	}
	s.changed(ctx, Updated, n)
	return n, nil
}

// Delete removes a note that is still at the given version, or at any with AnyVersion.
func (s *Service) Delete(ctx context.Context, id, version int64) error {
	n, err := s.Store.Delete(ctx, id, version)
	if err != nil {
		return fmt.Errorf("deleting note %d: %w", id, err)
	}
	s.changed(ctx, Deleted, n)
	return nil
}

// Stats returns the counters.
func (s *Service) Stats(ctx context.Context) (Stats, error) {
	st, err := s.Counter.Stats(ctx)
	if err != nil {
		return Stats{}, fmt.Errorf("reading the counters: %w", err)
	}
	return st, nil
}

// Visit counts one visit of the page.
func (s *Service) Visit(ctx context.Context) (Stats, error) {
	st, err := s.Counter.Visit(ctx)
	if err != nil {
		return Stats{}, fmt.Errorf("counting a visit: %w", err)
	}
	return st, nil
}

// changed runs after the commit, so a page that reacts to the event reads the new state.
func (s *Service) changed(ctx context.Context, kind string, n Note) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterCommit)
	defer cancel()
	if kind != Updated { // an edit changes no count
		s.Counter.Invalidate(ctx)
	}
	s.Publisher.Publish(ctx, Event{Kind: kind, Note: n})
	s.Log.DebugContext(ctx, "note changed", "kind", kind, "id", n.ID, "version", n.Version)
}
