package logical

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"drydock/internal/env"
	"drydock/internal/run"
)

// Server is a database of a PostgreSQL server and who connects to it. A dump and a restore
// need a superuser, unless the database has nothing that only one may read or make.
type Server struct {
	Host     string // name, address, or the folder of a socket
	Port     int    // 0 is 5432
	User     string
	Password env.Secret
	Database string

	SSLMode     string // as in libpq; "" is prefer
	SSLRootCert string // file with the certificates to trust; "" is the system's

	ConnectTimeout time.Duration // 0 is 10 seconds
}

// with is the same server with another database.
func (s Server) with(database string) Server {
	s.Database = database
	return s
}

func (s Server) port() int {
	if s.Port == 0 {
		return 5432
	}
	return s.Port
}

func (s Server) sslMode() string {
	if s.SSLMode == "" {
		return "prefer"
	}
	return s.SSLMode
}

func (s Server) timeout() time.Duration {
	if s.ConnectTimeout <= 0 {
		return 10 * time.Second
	}
	return s.ConnectTimeout
}

// String names the server and database for people, without the password.
func (s Server) String() string {
	return fmt.Sprintf("database %q on %s:%d as %q", s.Database, s.Host, s.port(), s.User)
}

// appName is what pg_stat_activity shows of our sessions.
const appName = "drydock backup"

// connect opens a session whose output does not depend on the server's, database's or
// role's settings, and that no timeout of theirs ends.
func (s Server) connect(ctx context.Context) (*pgx.Conn, error) {
	// Every value is given, so that none is taken from this process's environment.
	base := fmt.Sprintf("host=%s port=%d user=x password=x dbname=x sslmode=%s passfile=/dev/null connect_timeout=%d",
		quoteValue(s.Host), s.port(), quoteValue(s.sslMode()), int(max(s.timeout().Seconds(), 1)))
	if s.SSLRootCert != "" {
		base += " sslrootcert=" + quoteValue(s.SSLRootCert)
	}
	config, err := pgx.ParseConfig(base)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", s, err)
	}
	config.User, config.Password, config.Database = s.User, s.Password.Reveal(), s.Database
	config.RuntimeParams = map[string]string{
		"application_name": appName, "client_encoding": "UTF8", "search_path": "",
		"timezone": "UTC", "datestyle": "ISO", "intervalstyle": "postgres", "extra_float_digits": "1",
		"bytea_output": "hex", "xmlbinary": "base64", "lc_monetary": "C", "quote_all_identifiers": "off",
		"statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0",
		"row_security": "off", "jit": "off", "max_parallel_workers_per_gather": "0",
	}
	// A query whose context ends must not go on in the server for hours.
	config.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, CancelRequestDelay: 0, DeadlineDelay: 5 * time.Second}
	}
	// connect_timeout does not cover looking the name up. Twice, since TLS is tried first.
	bounded, cancel := context.WithTimeout(ctx, 2*s.timeout())
	conn, err := pgx.ConnectConfig(bounded, config)
	cancel()
	if err != nil {
		return nil, s.connectError(err)
	}
	// These settings are unknown to older servers, as parameters they would be fatal.
	if _, err := conn.Exec(ctx, `select pg_catalog.set_config(name, '0', false) from pg_catalog.pg_settings
		where name in ('transaction_timeout', 'idle_session_timeout')`); err != nil {
		_ = conn.Close(ctx) // the first error is the one that matters
		return nil, fmt.Errorf("preparing a session of %s: %w", s, err)
	}
	return conn, nil
}

func (s Server) connectError(err error) error {
	var pg *pgconn.PgError
	fix := "is the server up, and are host and port right?"
	if errors.As(err, &pg) {
		switch pg.Code {
		case "28P01", "28000":
			fix = "check the user and its password"
		case "3D000":
			fix = "check the database's name"
		case "53300":
			fix = "the server has no connection left: lower the number of jobs, or raise max_connections"
		case "57P03":
			fix = "the server is starting or stopping: try again"
		default:
			fix = pg.Message
		}
	}
	return fmt.Errorf("connecting to %s: %w; %s", s, redacted{err, s.Password.Reveal()}, fix)
}

// redacted is an error without a secret in its text.
type redacted struct {
	err    error
	secret string
}

func (r redacted) Error() string { return run.Redact(r.err.Error(), r.secret) }
func (r redacted) Unwrap() error { return r.err }

// Checksums says whether the server's pages have checksums: without them a page that a disk has
// changed is backed up as it is, and nobody notices.
func (s Server) Checksums(ctx context.Context) (on bool, err error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return false, err
	}
	defer closeConn(conn)
	var value string
	if err := conn.QueryRow(ctx, "show data_checksums").Scan(&value); err != nil {
		return false, fmt.Errorf("asking %s whether its pages have checksums: %w", s, err)
	}
	return value == "on", nil
}

// environ is the whole environment of a PostgreSQL tool.
func (s Server) environ(t Tools) []string {
	e := []string{
		"PATH=" + t.path(), "LC_ALL=C.UTF-8", "LANGUAGE=C", "TZ=UTC", "HOME=/nonexistent",
		"PGHOST=" + s.Host, "PGPORT=" + strconv.Itoa(s.port()), "PGUSER=" + s.User, "PGPASSWORD=" + s.Password.Reveal(),
		"PGPASSFILE=/dev/null", "PGSSLMODE=" + s.sslMode(), "PGAPPNAME=" + appName,
		"PGCONNECT_TIMEOUT=" + strconv.Itoa(int(max(s.timeout().Seconds(), 2))),
	}
	if s.SSLRootCert != "" {
		e = append(e, "PGSSLROOTCERT="+s.SSLRootCert)
	}
	return e
}

// dbname is a connection string with nothing but the database's name.
func (s Server) dbname() string { return "dbname=" + quoteValue(s.Database) }

// quoteValue quotes a value of a libpq connection string.
func quoteValue(v string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v) + "'"
}
