//go:build integration

package dockertest

import (
	"context"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// awkward names, which must be quoted everywhere.
const (
	dbUser = `app-User`
	dbName = `my "db" é`
)

// server is one PostgreSQL; a test may replace its container, and keeps the volumes.
type server struct {
	t                   testing.TB
	c                   string
	data, secrets, init string // volumes
	options             []string
}

func newServer(t testing.TB, options ...string) *server {
	t.Helper()
	return &server{t: t, data: volume(t), secrets: secret(t, "db_password", hardPassword), init: volume(t), options: options}
}

func (s *server) runOptions() []string {
	return append([]string{
		"--tmpfs", "/run/postgresql:uid=999,gid=999,mode=0755,size=1m", "--publish", "127.0.0.1::5432",
		"--volume", s.data + ":/var/lib/postgresql/data", "--volume", s.secrets + ":/run/secrets:ro",
		"--volume", s.init + ":/docker-entrypoint-initdb.d:ro",
		"--env", "POSTGRES_USER=" + dbUser, "--env", "POSTGRES_DB=" + dbName,
		"--env", "POSTGRES_PASSWORD_FILE=/run/secrets/db_password",
	}, s.options...)
}

func (s *server) start(args ...string) *server {
	s.t.Helper()
	s.c = start(s.t, imageRef(s.t, "postgres"), s.runOptions(), args)
	return s
}

func (s *server) refused(args ...string) string {
	s.t.Helper()
	return refused(s.t, imageRef(s.t, "postgres"), s.runOptions(), args)
}

// url is a connection string with the password percent-encoded.
func (s *server) url(password string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(dbUser, password),
		Host: docker(s.t, "port", s.c, "5432/tcp"), Path: "/" + dbName, RawQuery: "sslmode=disable&connect_timeout=5"}
	return u.String()
}

func (s *server) connect() *pgx.Conn {
	s.t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.url(hardPassword))
	require.NoError(s.t, err)
	s.t.Cleanup(func() { conn.Close(ctx) })
	return conn
}

func query[T any](t testing.TB, conn *pgx.Conn, sql string) T {
	t.Helper()
	var v T
	require.NoError(t, conn.QueryRow(context.Background(), sql).Scan(&v), sql)
	return v
}
