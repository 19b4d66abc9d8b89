package config

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"
)

// Source is where settings come from; the zero value of ReadFile reads the real file system.
type Source struct {
	Lookup   func(name string) (string, bool) // as os.LookupEnv
	ReadFile func(path string) ([]byte, error)
}

// Problems is every fault that was found, one a line, each with the setting's name and what to do. No value of a
// secret is part of it.
type Problems []string

func (p Problems) Error() string {
	return "settings: " + strings.Join(p, "\nsettings: ")
}

// Load reads and checks all settings. On failure the error is a Problems.
func Load(src Source) (*Config, error) {
	r := newReader(src)
	c := &Config{
		Port:     r.integer("PORT", 8080, 1, 65535),
		Dev:      r.choice("APP_ENV", "prod", "dev", "prod") == "dev",
		Version:  r.text("APP_VERSION", UnknownVersion),
		LogLevel: r.level("LOG_LEVEL", slog.LevelInfo),

		Database: r.database(),
		MaxConns: r.integer("DB_MAX_CONNS", 10, 1, 1000),
		Redis:    r.redis(),

		ShutdownDelay:   r.duration("SHUTDOWN_DELAY", 2*time.Second, 0, time.Minute),
		ShutdownTimeout: r.duration("SHUTDOWN_TIMEOUT", 20*time.Second, time.Second, 10*time.Minute),

		Migrate: Migrate{
			LockTimeout:      r.duration("MIGRATE_LOCK_TIMEOUT", 5*time.Second, 100*time.Millisecond, time.Minute),
			StatementTimeout: r.duration("MIGRATE_STATEMENT_TIMEOUT", 5*time.Minute, time.Second, 24*time.Hour),
			Wait:             r.duration("MIGRATE_WAIT", 30*time.Second, 0, 10*time.Minute),
		},

		BodyLimit:      r.integer("BODY_LIMIT", 10<<20, 0, 1<<40),
		RequestTimeout: requestTimeout(r.duration("BACKEND_TIMEOUT", time.Minute, time.Second, 24*time.Hour)),
		MaxStreams:     r.integer("SSE_MAX_CLIENTS", 5000, 1, 1_000_000),
		MaxDelay:       r.duration("MAX_DELAY", 0, 0, 20*time.Second),
	}
	r.path("HEALTH_PATH") // used by the health check alone, but a wrong one shall show at the start
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	return c, nil
}

// longestRequest is below the statement_timeout of package store, so that normally we are the one who gives up, with a
// proper answer.
const longestRequest = 10 * time.Second

// requestTimeout is how long a request may work behind a gateway that waits so long: a tenth less, so that our answer is
// there before its 504, after which the work would go on for nobody.
func requestTimeout(gateway time.Duration) time.Duration {
	return min(longestRequest, gateway-gateway/10)
}

func newReader(src Source) *reader {
	if src.ReadFile == nil {
		src.ReadFile = os.ReadFile
	}
	return &reader{src: src}
}

// reader collects problems instead of stopping at the first, so that one start shows them all.
type reader struct {
	src      Source
	problems Problems
}

func (r *reader) fail(name, format string, args ...any) {
	r.problems = append(r.problems, name+": "+fmt.Sprintf(format, args...))
}

// get treats an empty variable as absent: compose passes unset settings on as empty strings.
func (r *reader) get(name string) (string, bool) {
	v, ok := r.src.Lookup(name)
	return v, ok && v != ""
}

// secret reads name_FILE, else name. It drops one final line break, which editors and `echo` add, and nothing else: a
// password may well end in a space.
func (r *reader) secret(name string) (value, origin string, ok bool) {
	if path, given := r.get(name + "_FILE"); given {
		origin = name + "_FILE"
		data, err := r.src.ReadFile(path)
		if err != nil {
			// The bare cause: the path is named once, by us.
			var pathErr *os.PathError
			if errors.As(err, &pathErr) {
				err = pathErr.Err
			}
			r.fail(origin, "reading %s: %v; check that the secret is mounted and readable by uid %d", path, err, os.Getuid())
			return "", origin, true
		}
		value = strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
		switch {
		case value == "":
			r.fail(origin, "%s is empty; write the secret into it", path)
		case strings.ContainsRune(value, 0): // PostgreSQL ends a password there; most likely it is UTF-16
			r.fail(origin, "%s holds a NUL character; save it as UTF-8", path)
			value = ""
		}
		return value, origin, true
	}
	value, ok = r.get(name)
	return value, name, ok
}
