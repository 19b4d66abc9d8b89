package receive

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"drydock/internal/env"
	"drydock/internal/run"
)

// Server is the database's server and who connects: a superuser.
type Server struct {
	Host     string
	Port     int // 0 is 5432
	User     string
	Password env.Secret
	Database string
}

func (s Server) port() int {
	if s.Port == 0 {
		return 5432
	}
	return s.Port
}

func (s Server) String() string { return fmt.Sprintf("%s:%d as %q", s.Host, s.port(), s.User) }

// askTimeout bounds each answer of the server. Nothing that is asked here can wait for the
// receiver: it reads, or changes what writes no WAL.
const askTimeout = 10 * time.Second

// session is a connection for a few plain statements. It is one of the replication kind
// (PostgreSQL manual, 53.4): those come out of max_wal_senders, so there is room for it also
// when all of max_connections is taken by clients whose commits wait.
type session struct {
	conn   *pgconn.PgConn
	secret string
}

func connect(ctx context.Context, s Server) (*session, error) {
	// Every value is given, so that none is taken from this process's environment.
	c, err := pgconn.ParseConfig(fmt.Sprintf("host=x port=%d user=x password=x dbname=x sslmode=disable passfile=/dev/null connect_timeout=5", s.port()))
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", s, err)
	}
	c.Host, c.User, c.Password, c.Database = s.Host, s.User, s.Password.Reveal(), s.Database
	c.Fallbacks = nil
	c.RuntimeParams = map[string]string{"replication": "database", "application_name": "drydock guard", "statement_timeout": "0"}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w%s", s, masked(err, s.Password.Reveal()), hint(err))
	}
	return &session{conn: conn, secret: s.Password.Reveal()}, nil
}

func masked(err error, secret string) error {
	if text := run.Redact(err.Error(), secret); text != err.Error() {
		return errors.New(text)
	}
	return err
}

// hint says what to do about a refusal.
func hint(err error) string {
	if text := err.Error(); strings.Contains(text, "replication connection") {
		return noReplicationEntry
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return ""
	}
	switch pg.Code {
	case "28P01":
		return "; the password of the database is another one: go tool mage up sets it"
	case "28000":
		return noReplicationEntry
	case "53300":
		return "; raise max_wal_senders"
	}
	return ""
}

// noReplicationEntry: the official image's pg_hba.conf has no such line.
const noReplicationEntry = "; RPO=zero needs a line `host replication all all scram-sha-256` in the server's pg_hba.conf, " +
	"which Drydock's own image has: add it and reload, or set RPO=archive"

func (s *session) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.conn.Close(ctx) // nothing is lost with it
}

// rows runs one statement and returns what it answered as text; NULL is "".
func (s *session) rows(ctx context.Context, sql string) ([][]string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	results, err := s.conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, masked(err, s.secret)
	}
	if len(results) == 0 {
		return nil, nil
	}
	var out [][]string
	for _, r := range results[len(results)-1].Rows {
		row := make([]string, len(r))
		for i, v := range r {
			row[i] = string(v)
		}
		out = append(out, row)
	}
	return out, nil
}

func (s *session) do(ctx context.Context, sql string) error {
	_, err := s.rows(ctx, sql)
	return err
}

// identity is which database this is, and where it stands.
type identity struct {
	System   string
	Timeline uint32
	Position LSN // synced by the server
}

func (s *session) identify(ctx context.Context) (identity, error) {
	rows, err := s.rows(ctx, "IDENTIFY_SYSTEM")
	if err != nil {
		return identity{}, fmt.Errorf("asking which database it is: %w", err)
	}
	if len(rows) != 1 || len(rows[0]) < 3 {
		return identity{}, fmt.Errorf("asking which database it is: the answer %q is not the expected one", rows)
	}
	timeline, err := strconv.ParseUint(rows[0][1], 10, 32)
	if err != nil {
		return identity{}, fmt.Errorf("asking which database it is: timeline %q: %w", rows[0][1], err)
	}
	position, err := ParseLSN(rows[0][2])
	return identity{System: rows[0][0], Timeline: uint32(timeline), Position: position}, err
}

// quoteName quotes an identifier of a replication command or SQL.
func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// quoteText quotes an SQL string.
func quoteText(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
