package board

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

type fakeStore struct {
	list   func(Query) (Page, error)
	create func(Draft) (Note, error)
	update func(id, version int64, p Patch) (Note, error)
	delete func(id, version int64) (Note, error)
}

func (f fakeStore) List(_ context.Context, q Query) (Page, error)      { return f.list(q) }
func (f fakeStore) Get(_ context.Context, id int64) (Note, error)      { return Note{ID: id}, nil }
func (f fakeStore) Create(_ context.Context, d Draft) (Note, error)    { return f.create(d) }
func (f fakeStore) Delete(_ context.Context, i, v int64) (Note, error) { return f.delete(i, v) }
func (f fakeStore) Update(_ context.Context, i, v int64, p Patch) (Note, error) {
	return f.update(i, v, p)
}

// journal notes what happened after a change, in order.
type journal struct{ lines []string }

func (j *journal) Stats(context.Context) (Stats, error) { return Stats{}, nil }
func (j *journal) Visit(context.Context) (Stats, error) { return Stats{}, nil }
func (j *journal) Invalidate(ctx context.Context)       { j.add(ctx, "invalidate") }
func (j *journal) Publish(ctx context.Context, e Event) { j.add(ctx, e.Kind) }
func (j *journal) add(ctx context.Context, line string) {
	if ctx.Err() != nil {
		line += " with an ended context"
	}
	j.lines = append(j.lines, line)
}

func newService(s Store) (*Service, *journal) {
	j := &journal{}
	return &Service{Store: s, Counter: j, Publisher: j, Log: slog.New(slog.DiscardHandler)}, j
}

func TestChangesAreToldAfterTheCommit(t *testing.T) {
	s, j := newService(fakeStore{
		create: func(d Draft) (Note, error) { return Note{ID: 1, Title: d.Title}, nil },
		update: func(int64, int64, Patch) (Note, error) { return Note{ID: 1, Version: 2}, nil },
		delete: func(int64, int64) (Note, error) { return Note{ID: 1}, nil },
	})
	// The caller has gone away by the time the change is stored: the others must still hear of it.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n, err := s.Create(ctx, Draft{Title: "  milk\t"})
	if err != nil || n.Title != "milk" {
		t.Errorf("got %q, %v", n.Title, err)
	}
	title := "bread"
	if _, err := s.Update(ctx, 1, 1, Patch{Title: &title}); err != nil {
		t.Error(err)
	}
	if err := s.Delete(ctx, 1, AnyVersion); err != nil {
		t.Error(err)
	}
	want := "invalidate note.created note.updated invalidate note.deleted"
	if got := strings.Join(j.lines, " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFailuresAreNotTold(t *testing.T) {
	conflict := &ConflictError{Current: Note{ID: 1, Version: 5}}
	s, j := newService(fakeStore{
		create: func(Draft) (Note, error) { return Note{}, ErrUnavailable },
		update: func(int64, int64, Patch) (Note, error) { return Note{}, conflict },
		delete: func(int64, int64) (Note, error) { return Note{}, ErrNotFound },
	})
	if _, err := s.Create(t.Context(), Draft{Title: "x"}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	title := "x"
	if _, err := s.Update(t.Context(), 1, 1, Patch{Title: &title}); !errors.As(err, &conflict) || !strings.HasPrefix(err.Error(), "updating note 1: ") {
		t.Errorf("got %v", err)
	}
	if err := s.Delete(t.Context(), 1, 1); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if len(j.lines) != 0 {
		t.Errorf("told %v", j.lines)
	}
}

func TestInvalidNotes(t *testing.T) {
	s, _ := newService(fakeStore{create: func(Draft) (Note, error) { return Note{}, nil }})
	for name, test := range map[string]struct {
		draft Draft
		want  []string
	}{
		"fine":                  {Draft{Title: "x"}, nil},
		"longest":               {Draft{Title: strings.Repeat("界", MaxTitle), Body: strings.Repeat("界", MaxBody)}, nil},
		"no title":              {Draft{Title: " \n"}, []string{"title"}},
		"both too long":         {Draft{Title: strings.Repeat("x", MaxTitle+1), Body: strings.Repeat("x", MaxBody+1)}, []string{"title", "body"}},
		"NUL":                   {Draft{Title: "a\x00b", Body: "\x00"}, []string{"title", "body"}},
		"not UTF-8":             {Draft{Title: "\xff"}, []string{"title"}},
		"other control is text": {Draft{Title: "x", Body: "a\tb\r\n\u0001"}, nil},
	} {
		_, err := s.Create(t.Context(), test.draft)
		var invalid *InvalidError
		if !errors.As(err, &invalid) {
			if err != nil || test.want != nil {
				t.Errorf("%s: got %v", name, err)
			}
			continue
		}
		if len(invalid.Fields) != len(test.want) {
			t.Errorf("%s: got %v, want %v", name, invalid.Fields, test.want)
		}
		for _, field := range test.want {
			if invalid.Fields[field] == "" {
				t.Errorf("%s: nothing about %s in %v", name, field, invalid.Fields)
			}
		}
	}
}

func TestSearchIsSplitIntoWords(t *testing.T) {
	var got Query
	s, _ := newService(fakeStore{list: func(q Query) (Page, error) { got = q; return Page{}, nil }})
	if _, err := s.List(t.Context(), "  two\twords ", 9, 3); err != nil {
		t.Fatal(err)
	}
	if strings.Join(got.Words, "|") != "two|words" || got.Limit != 9 || got.Before != 3 {
		t.Errorf("got %+v", got)
	}
	if _, err := s.List(t.Context(), strings.Repeat("x", MaxQuery+1), 9, 0); err == nil {
		t.Error("a search of any length was accepted")
	}
}
