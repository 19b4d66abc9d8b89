package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"drydock/backend/internal/board"
)

func TestTranslate(t *testing.T) {
	for _, test := range []struct {
		err  error
		want error
	}{
		{pgx.ErrNoRows, board.ErrNotFound},
		{&pgconn.PgError{Code: "57P01"}, board.ErrUnavailable}, // admin_shutdown
		{&pgconn.PgError{Code: "57P03"}, board.ErrUnavailable}, // cannot_connect_now
		{&pgconn.PgError{Code: "57014"}, board.ErrUnavailable}, // query_canceled
		{&pgconn.PgError{Code: "53300"}, board.ErrUnavailable}, // too_many_connections
		{&pgconn.PgError{Code: "42P01"}, board.ErrUnavailable}, // undefined_table
		{fmt.Errorf("read: %w", io.ErrUnexpectedEOF), board.ErrUnavailable},
		{context.DeadlineExceeded, board.ErrUnavailable},
		{context.Canceled, context.Canceled},
		{nil, nil},
	} {
		if got := translate(test.err); !errors.Is(got, test.want) {
			t.Errorf("%v: got %v, want %v", test.err, got, test.want)
		}
	}
	for _, ours := range []error{&pgconn.PgError{Code: "42601"}, &pgconn.PgError{Code: "23514"}, errors.New("scan")} {
		if errors.Is(translate(ours), board.ErrUnavailable) {
			t.Errorf("%v would be hidden as an outage", ours)
		}
	}
}

func TestMigrationsAreNumberedWithoutGaps(t *testing.T) {
	names, err := fs.Glob(migrationFiles, "migrations/*")
	if err != nil {
		t.Fatal(err)
	}
	form := regexp.MustCompile(`^migrations/(\d{5})_[a-z_]+\.sql$`)
	for i, name := range names {
		m := form.FindStringSubmatch(name)
		if m == nil || m[1] != fmt.Sprintf("%05d", i+1) {
			t.Errorf("%s is not migration %d", name, i+1)
		}
	}
	if Latest() != int64(len(names)) {
		t.Errorf("got %d, want %d", Latest(), len(names))
	}
}

func TestLikeWildcardsAreEscaped(t *testing.T) {
	if got := likeEscaper.Replace(`50%_\x`); got != `50\%\_\\x` {
		t.Errorf("got %s", got)
	}
}
