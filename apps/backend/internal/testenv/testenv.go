//go:build integration

package testenv

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"drydock/backend/internal/config"
	"drydock/backend/internal/obs"
)

// Patience is how long a test waits for an event before it fails.
const Patience = 20 * time.Second

// Config returns settings whose database connection works in a new schema, which is dropped after the test.
func Config(t *testing.T) *config.Config {
	t.Helper()
	c := Settings(t)
	schema := "test_" + strings.ToLower(rand.Text())
	admin := c.Database.Copy()
	Exec(t, admin, "CREATE SCHEMA "+schema)
	t.Cleanup(func() { Exec(t, admin, "DROP SCHEMA "+schema+" CASCADE") })
	c.Database.RuntimeParams["search_path"] = schema // alone: a board in public must not show through
	return c
}

// Settings returns settings that lead to the given PostgreSQL and Redis.
func Settings(t *testing.T) *config.Config {
	t.Helper()
	c, err := config.Load(config.Source{Lookup: func(name string) (string, bool) {
		switch name {
		case "DATABASE_URL", "REDIS_URL":
			v := os.Getenv("TEST_" + name)
			if v == "" {
				t.Fatalf("TEST_%s is not set; start PostgreSQL and Redis and give their URLs", name)
			}
			return v, true
		case "SHUTDOWN_DELAY":
			return "100ms", true
		case "MAX_DELAY":
			return "10s", true
		case "MIGRATE_WAIT":
			return "1s", true
		case "MIGRATE_LOCK_TIMEOUT":
			return "200ms", true
		default:
			return "", false
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Exec runs one statement on a connection of its own.
func Exec(t *testing.T, conn *pgx.ConnConfig, sql string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), Patience)
	defer cancel()
	c, err := pgx.ConnectConfig(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// Redis returns a client and the prefix under which the test's keys are; they are removed after the test.
func Redis(t *testing.T, c *config.Config) (*redis.Client, string) {
	t.Helper()
	rdb := redis.NewClient(c.Redis)
	prefix := "test-" + rand.Text()
	t.Cleanup(func() {
		Flush(t, rdb, prefix)
		if err := rdb.Close(); err != nil {
			t.Error(err)
		}
	})
	return rdb, prefix
}

// Flush removes all keys of the test, as FLUSHALL would.
func Flush(t *testing.T, rdb *redis.Client, prefix string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), Patience)
	defer cancel()
	keys, err := rdb.Keys(ctx, prefix+"*").Result()
	if err == nil && len(keys) > 0 {
		err = rdb.Del(ctx, keys...).Err()
	}
	if err != nil {
		t.Fatalf("flushing %s: %v", prefix, err)
	}
}

// Log writes into the test's output.
func Log(t *testing.T) *slog.Logger {
	return obs.NewLogger(t.Output(), slog.LevelDebug)
}

// DatabaseThrough sends the database connections of the settings through a new Proxy.
func DatabaseThrough(t *testing.T, c *config.Config) *Proxy {
	t.Helper()
	p := NewProxy(t, net.JoinHostPort(c.Database.Host, strconv.Itoa(int(c.Database.Port))))
	host, port := p.address(t)
	c.Database.Host, c.Database.Port = host, port
	for _, f := range c.Database.Fallbacks {
		f.Host, f.Port = host, port
	}
	return p
}

// RedisThrough sends the Redis connections of the settings through a new Proxy.
func RedisThrough(t *testing.T, c *config.Config) *Proxy {
	t.Helper()
	p := NewProxy(t, c.Redis.Addr)
	c.Redis.Addr = p.listener.Addr().String()
	return p
}
