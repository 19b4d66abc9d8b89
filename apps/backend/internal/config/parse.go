package config

import (
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"drydock/backend/internal/probe"
)

func (r *reader) text(name, fallback string) string {
	if v, ok := r.get(name); ok {
		return v
	}
	return fallback
}

func (r *reader) integer(name string, fallback, low, high int) int {
	v, ok := r.get(name)
	if !ok {
		return fallback
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < low || n > high {
		r.fail(name, "%q is not a whole number from %d to %d", v, low, high)
		return fallback
	}
	return n
}

func (r *reader) duration(name string, fallback, low, high time.Duration) time.Duration {
	v, ok := r.get(name)
	if !ok {
		return fallback
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < low || d > high {
		r.fail(name, "%q is not a duration from %v to %v, such as 1500ms, 20s or 2m", v, low, high)
		return fallback
	}
	return d
}

func (r *reader) choice(name, fallback string, allowed ...string) string {
	v, ok := r.get(name)
	if !ok {
		return fallback
	}
	if !slices.Contains(allowed, v) {
		r.fail(name, "%q is not one of %s", v, strings.Join(allowed, ", "))
		return fallback
	}
	return v
}

func (r *reader) level(name string, fallback slog.Level) slog.Level {
	switch r.choice(name, "", "debug", "info", "warn", "error") {
	case "debug":
		return slog.LevelDebug
	case "info":
		return slog.LevelInfo
	case "warn":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	default:
		return fallback
	}
}

func (r *reader) path(name string) {
	v, ok := r.get(name)
	if !ok {
		return
	}
	if err := probe.CheckPath(v); err != nil {
		r.fail(name, "%v", err)
	}
}
