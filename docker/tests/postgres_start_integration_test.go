//go:build integration

package dockertest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// slowInit makes the time of the first start long enough to meet a client in it.
var slowInit = []file{
	{name: "1-first.sql", content: "CREATE TABLE marks (mark text); INSERT INTO marks VALUES ('begun');", mode: 0o444},
	{name: "2-slow.sql", content: "SELECT pg_sleep(0.7);", mode: 0o444},
	{name: "3-last.sql", content: "INSERT INTO marks VALUES ('complete');", mode: 0o444},
}

// Health said ready during the first initialisation, and dependents were refused a
// moment later (docker-library/postgres 146).
func TestPostgresIsReadyOnlyWhenItIs(t *testing.T) { readyOnlyWhenItIs(t, 2) }

func readyOnlyWhenItIs(t *testing.T, times int) {
	t.Parallel()
	secrets, scripts := secret(t, "db_password", hardPassword), volume(t)
	write(t, scripts, slowInit...)
	for i := range times {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			s := (&server{t: t, data: volume(t), secrets: secrets, init: scripts,
				options: []string{"--health-interval", "300ms"}}).start() // one in the wrong moment would be noticed
			// Whoever gets in over TCP, at whatever moment, must find everything.
			dsn := s.url(hardPassword)
			deadline := time.Now().Add(3 * time.Minute) // a busy machine's first start
			var marks string
			for tick := time.NewTicker(50 * time.Millisecond); marks == ""; <-tick.C {
				require.True(t, time.Now().Before(deadline), "nobody got in")
				ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
				if conn, err := pgx.Connect(ctx, dsn); err == nil {
					require.NoError(t, conn.QueryRow(ctx, "SELECT string_agg(mark, ' ' ORDER BY mark) FROM marks").Scan(&marks))
					require.NoError(t, conn.Close(ctx))
				}
				cancel()
				if health(t, s.c) == "healthy" {
					require.Contains(t, logs(t, s.c), "the first start is complete")
				}
			}
			assert.Equal(t, "begun complete", marks)
			healthy(t, s.c)
			// Ready once is ready for good: no restart follows.
			conn := s.connect()
			assert.Equal(t, 1, query[int](t, conn, "SELECT 1"))
		})
	}
}

func TestPostgresKilledInItsFirstStart(t *testing.T) {
	killedInItsFirstStart(t, "running /docker-entrypoint-initdb.d/2-slow.sql", "database system is shut down")
}

func killedInItsFirstStart(t *testing.T, moments ...string) {
	t.Parallel()
	for _, moment := range moments {
		t.Run(moment, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			write(t, s.init, slowInit...)
			s.start()
			waitLog(t, s.c, moment)
			docker(t, "kill", s.c)
			log := logs(t, s.c)
			docker(t, "rm", "--force", s.c)

			s.start()
			healthy(t, s.c)
			assert.Equal(t, "begun complete", query[string](t, s.connect(), "SELECT string_agg(mark, ' ' ORDER BY mark) FROM marks"))
			again := strings.Contains(logs(t, s.c), "beginning again")
			if strings.Contains(log, "the first start is complete") {
				assert.False(t, again)
			} else if !strings.Contains(log, "database system is shut down") { // then either may be
				assert.True(t, again)
			}
			assert.NotContains(t, docker(t, "exec", s.c, "ls", "-A", "/var/lib/postgresql/data"), "unfinished")
		})
	}
	t.Run("told to stop", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		write(t, s.init, file{name: "1.sql", content: "SELECT pg_sleep(3600)", mode: 0o444})
		s.start()
		waitLog(t, s.c, "running /docker-entrypoint-initdb.d/1.sql")
		began := time.Now()
		docker(t, "stop", "--time", "30", s.c)
		assert.Less(t, time.Since(began), 10*time.Second)
		assert.Contains(t, logs(t, s.c), "stopped during the first start")
	})
}
