package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"drydock/backend/internal/board"
)

// translate maps what the driver says to what the board knows. See appendix "PostgreSQL Error Codes" of its manual.
func translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pgx.ErrNoRows):
		return board.ErrNotFound
	case errors.Is(err, context.Canceled):
		return err // the caller went away: nobody's fault
	case isAway(err):
		return fmt.Errorf("%w: %w", board.ErrUnavailable, err)
	default:
		return err
	}
}

// isAway reports failures that pass by themselves, without a change to the request or the program.
func isAway(err error) bool {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		switch {
		case strings.HasPrefix(pgErr.Code, "08"), // connection exception
			strings.HasPrefix(pgErr.Code, "53"), // insufficient resources: too many connections, disk full
			strings.HasPrefix(pgErr.Code, "57"), // operator intervention: shutdown, starting up, query cancelled by timeout
			pgErr.Code == "25006",               // read-only transaction: a standby, before its promotion
			pgErr.Code == "42P01",               // undefined table: not migrated yet
			pgErr.Code == "42703",               // undefined column: likewise
			pgErr.Code == "55P03":               // lock not available: a migration is at work
			return true
		}
		// A login that fails (28xxx) is in this set too: it comes wrapped in a ConnectError and is checked below.
	}
	var connectErr *pgconn.ConnectError
	var netErr net.Error
	return errors.As(err, &connectErr) || errors.As(err, &netErr) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		pgconn.SafeToRetry(err) // includes use of a connection that has just been found closed
}
