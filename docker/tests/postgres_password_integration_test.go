//go:build integration

package dockertest

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPostgresKeepsItsPasswordToItself(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	healthy(t, s.c)
	conn := s.connect() // with the hard password, in a URL
	assert.Equal(t, dbUser, query[string](t, conn, "SELECT current_user"))
	assert.Equal(t, dbName, query[string](t, conn, "SELECT current_database()"))
	assert.True(t, strings.HasPrefix(query[string](t, conn, "SELECT rolpassword FROM pg_authid WHERE rolname = current_user"), "SCRAM-SHA-256$"))
	docker(t, "exec", s.c, "set-password")
	assert.Empty(t, leaks(t, s.c, hardPassword))
	_, err := tryDocker("", "exec", s.c, "grep", "--recursive", "--quiet", "--fixed-strings", "--", hardPassword, "/var/lib/postgresql/data")
	assert.Error(t, err, "the password is in the data directory")

	// No way in without it, from inside the container neither; its own user needs none at the socket.
	_, err = tryDocker("", "exec", s.c, "psql", "--no-password", "--host", "127.0.0.1", "--username", dbUser, "--dbname", dbName)
	assert.ErrorContains(t, err, "no password supplied")
	assert.Equal(t, "1", docker(t, "exec", s.c, "psql", "-AtU", dbUser, "-d", dbName, "-c", "SELECT 1"))
}

// A new POSTGRES_PASSWORD was ignored by an existing volume, with a puzzling
// failure (fastapi/full-stack-fastapi-template 344).
func TestPostgresSaysThatThePasswordChanged(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	healthy(t, s.c)
	write(t, s.secrets, file{name: "db_password", content: "a new one"})
	waitHealth(t, s.c, "unhealthy")
	said := lastHealthOutput(t, s.c)
	assert.Contains(t, said, "its password for "+dbUser+" is not the one in /run/secrets/db_password")
	assert.Contains(t, said, "set-password")

	docker(t, "exec", s.c, "set-password")
	healthy(t, s.c)
	ctx := context.Background()
	_, err := pgx.Connect(ctx, s.url(hardPassword))
	assert.ErrorContains(t, err, "password authentication failed")
	conn, err := pgx.Connect(ctx, s.url("a new one"))
	require.NoError(t, err)
	require.NoError(t, conn.Close(ctx))
	assert.Empty(t, leaks(t, s.c, "a new one"))
}
