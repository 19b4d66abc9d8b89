package config

import (
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

// UnknownVersion is what an instance answers that was not told its version.
const UnknownVersion = "0.0.0-unknown"

// Config is everything the program can be told. Load makes it; nothing changes it afterwards.
type Config struct {
	Port     int
	Dev      bool // APP_ENV=dev
	Version  string
	LogLevel slog.Level

	Database *pgx.ConnConfig // where PostgreSQL is, with the password; never log it
	MaxConns int             // connections of the pool that serves requests
	Redis    *redis.Options  // where Redis is, with the password; never log it

	ShutdownDelay   time.Duration // lame duck: unready, still serving
	ShutdownTimeout time.Duration // bound for requests in flight once the listener is closed

	Migrate Migrate

	BodyLimit      int           // bytes of a request body; 0 is no limit
	RequestTimeout time.Duration // bound of the work of one request; below what the gateway waits
	MaxStreams     int           // open event streams
	MaxDelay       time.Duration // bound of ?delay= on /api/version; 0 turns it off
}

// Migrate bounds what a migration may do to a database that is serving.
type Migrate struct {
	LockTimeout      time.Duration // PostgreSQL's lock_timeout: queries queue behind a waiting ALTER TABLE
	StatementTimeout time.Duration // PostgreSQL's statement_timeout
	Wait             time.Duration // how long to wait for a database that does not answer yet
}

// LogValue lists where the service connects to, without a user's name or password.
func (c *Config) LogValue() slog.Value {
	return slog.GroupValue(
		slog.Int("port", c.Port),
		slog.Bool("dev", c.Dev),
		slog.String("log_level", c.LogLevel.String()),
		slog.String("database_host", c.Database.Host),
		slog.String("database_name", c.Database.Database),
		slog.String("redis_addr", c.Redis.Addr),
		slog.Duration("shutdown_delay", c.ShutdownDelay),
		slog.Duration("shutdown_timeout", c.ShutdownTimeout),
	)
}
