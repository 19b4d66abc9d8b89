package config

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// sslModes are libpq's, see "SSL Support" of the PostgreSQL manual.
var sslModes = []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}

// database prefers the URL; the parts are turned into one, so that there is a single way into the driver. The driver's
// own error is not repeated: it can quote the string that it could not parse, password included.
func (r *reader) database() *pgx.ConnConfig {
	raw, origin, ok := r.secret("DATABASE_URL")
	if ok {
		if !strings.HasPrefix(raw, "postgres://") && !strings.HasPrefix(raw, "postgresql://") {
			if raw != "" { // an unreadable or empty file has been reported
				r.fail(origin, "does not start with postgres://; give user, password and names percent-encoded")
			}
			return nil
		}
	} else {
		if raw, ok = r.databaseFromParts(); !ok {
			return nil
		}
		origin = "DB_HOST, DB_PORT, DB_NAME, DB_USER, DB_PASSWORD"
	}
	c, err := pgx.ParseConfig(raw)
	if err != nil {
		r.fail(origin, "not usable as a PostgreSQL connection; check each part, and that special characters are percent-encoded")
		return nil
	}
	return c
}

func (r *reader) databaseFromParts() (string, bool) {
	known := len(r.problems)
	port := r.integer("DB_PORT", 5432, 1, 65535)
	mode := r.choice("DB_SSLMODE", "prefer", sslModes...)
	name, haveName := r.get("DB_NAME")
	user, haveUser := r.get("DB_USER")
	password, _, havePassword := r.secret("DB_PASSWORD")
	for _, need := range []struct {
		name string
		have bool
	}{{"DB_NAME", haveName}, {"DB_USER", haveUser}, {"DB_PASSWORD", havePassword}} {
		if !need.have {
			r.fail(need.name, "is not set; set DATABASE_URL_FILE, or DB_NAME, DB_USER and DB_PASSWORD_FILE")
		}
	}
	if len(r.problems) > known {
		return "", false
	}
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(user, password),
		Host:     net.JoinHostPort(r.text("DB_HOST", "db"), strconv.Itoa(port)),
		Path:     "/" + name,
		RawQuery: url.Values{"sslmode": {mode}}.Encode(),
	}
	return u.String(), true
}

// redis reads REDIS_URL or the parts. A password is optional: Redis in a development stack may have none.
func (r *reader) redis() *redis.Options {
	raw, origin, ok := r.secret("REDIS_URL")
	if !ok {
		password, _, _ := r.secret("REDIS_PASSWORD")
		port := r.integer("REDIS_PORT", 6379, 1, 65535)
		return plainRedis(&redis.Options{
			Addr:     net.JoinHostPort(r.text("REDIS_HOST", "redis"), strconv.Itoa(port)),
			Username: r.text("REDIS_USER", ""),
			Password: password,
			DB:       r.integer("REDIS_DB", 0, 0, 1<<20),
		})
	}
	if raw == "" {
		return nil
	}
	o, err := redis.ParseURL(raw)
	if err != nil {
		r.fail(origin, "not usable as a Redis address; it looks like redis://:password@host:6379/0, percent-encoded")
		return nil
	}
	return plainRedis(o)
}

// plainRedis turns off what would break the service's own bounds: without ContextTimeoutEnabled the client ignores
// deadlines, and maintenance notifications are for hosted clusters.
func plainRedis(o *redis.Options) *redis.Options {
	o.ContextTimeoutEnabled = true
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return o
}
