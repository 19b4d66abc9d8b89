package board

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of a note, in characters (code points). The migration holds the same numbers as CHECK constraints.
const (
	MaxTitle = 200
	MaxBody  = 10_000
	MaxQuery = 200
)

// Note is one card on the board. Version starts at 1 and grows by one with every change.
type Note struct {
	ID        int64     `json:"id"`
	Title     string    `json:"title"`
	Body      string    `json:"body"`
	Version   int64     `json:"version"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Draft is what a user writes: a new note, or the whole new content of one.
type Draft struct {
	Title string
	Body  string
}

// Patch changes the fields that are not nil.
type Patch struct {
	Title *string
	Body  *string
}

// AnyVersion as the expected version means: whatever it is now.
const AnyVersion int64 = 0

// ErrNotFound says that there is no such note (any more).
var ErrNotFound = errors.New("no such note")

// ErrUnavailable marks failures that pass by themselves: the database is away, or its schema is not there yet.
var ErrUnavailable = errors.New("the database is not available")

// ConflictError says that the note has moved on since the caller read it. Current is how it is now.
type ConflictError struct {
	Current Note
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("note %d is at version %d by now", e.Current.ID, e.Current.Version)
}

// InvalidError holds what is wrong, by field.
type InvalidError struct {
	Fields map[string]string
}

func (e *InvalidError) Error() string {
	return fmt.Sprintf("%d invalid fields", len(e.Fields))
}

// check trims the title and reports everything that is wrong with the fields that are present.
func (p Patch) check() (Patch, error) {
	fields := map[string]string{}
	if p.Title != nil {
		title := strings.TrimSpace(*p.Title)
		p.Title = &title
		if title == "" {
			fields["title"] = "must not be empty"
		} else if reason := checkText(title, MaxTitle); reason != "" {
			fields["title"] = reason
		}
	}
	if p.Body != nil {
		if reason := checkText(*p.Body, MaxBody); reason != "" {
			fields["body"] = reason
		}
	}
	if len(fields) > 0 {
		return Patch{}, &InvalidError{Fields: fields}
	}
	return p, nil
}

// checkText refuses what PostgreSQL's text type cannot hold (NUL, broken UTF-8) before it gets there.
func checkText(s string, limit int) string {
	switch {
	case !utf8.ValidString(s):
		return "must be valid UTF-8"
	case strings.ContainsRune(s, 0):
		return "must not contain the NUL character"
	case utf8.RuneCountInString(s) > limit:
		return fmt.Sprintf("must have at most %d characters", limit)
	default:
		return ""
	}
}
