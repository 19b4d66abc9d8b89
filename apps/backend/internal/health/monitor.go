package health

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"drydock/backend/internal/store"
)

const (
	// checkTimeout bounds one check; with the interval it keeps the time in which a stopped database is noticed
	// under 3 s.
	checkTimeout = time.Second
	interval     = time.Second
	// fresh is how long a result is good for: many probes at once cost one check.
	fresh = 300 * time.Millisecond
)

// OK is the state of a part that works. Anything else says what is wrong.
const OK = "ok"

// Checks is the state of each part.
type Checks struct {
	Database   string `json:"database"`
	Redis      string `json:"redis"`
	Migrations string `json:"migrations"`
}

// Report is the answer to "can this instance serve?".
type Report struct {
	Ready    bool   `json:"ready"`
	Draining bool   `json:"draining,omitempty"`
	Checks   Checks `json:"checks"`
}

// Public is the report for browsers: which part fails, but not the addresses that are in the reasons. That this instance
// is about to stop is no news for a page, which will reconnect to another.
func (r Report) Public() Report {
	r.Draining, r.Ready = false, true
	for _, s := range []*string{&r.Checks.Database, &r.Checks.Redis, &r.Checks.Migrations} {
		if *s == OK {
			continue
		}
		r.Ready = false
		if *s != unknown {
			*s = "failed"
		}
	}
	return r
}

const unknown = "unknown"

// Monitor runs the checks. Safe for concurrent use.
type Monitor struct {
	database func(context.Context) error // may return *store.SchemaError
	redis    func(context.Context) error
	log      *slog.Logger

	checking chan struct{} // a token, held during a check; those who wait share its result

	mu       sync.Mutex
	last     Report
	at       time.Time
	draining bool
}

// NewMonitor returns a Monitor on the two checks.
func NewMonitor(database, redis func(context.Context) error, log *slog.Logger) *Monitor {
	return &Monitor{database: database, redis: redis, log: log, checking: make(chan struct{}, 1)}
}

// Drain makes the instance unready for good: it is about to stop, and proxies shall go elsewhere first.
func (m *Monitor) Drain() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.draining = true
}

// Draining reports whether Drain was called.
func (m *Monitor) Draining() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.draining
}

// Check answers within little more than a second. It does not end with its caller's context, because others may be
// waiting for the same result.
func (m *Monitor) Check(ctx context.Context) Report {
	r := m.parts(context.WithoutCancel(ctx))
	if m.Draining() {
		r.Draining, r.Ready = true, false
	}
	return r
}

func (m *Monitor) parts(ctx context.Context) Report {
	m.checking <- struct{}{}
	defer func() { <-m.checking }()
	if last, age := m.latest(); age < fresh {
		return last
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	var databaseErr, redisErr error
	var both sync.WaitGroup
	both.Go(func() { databaseErr = m.database(ctx) })
	both.Go(func() { redisErr = m.redis(ctx) })
	both.Wait()
	r := judge(databaseErr, redisErr)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last, m.at = r, time.Now()
	return r
}

// latest is the result of the last check and its age, which is very high before the first.
func (m *Monitor) latest() (Report, time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last, time.Since(m.at)
}

func judge(databaseErr, redisErr error) Report {
	c := Checks{Database: OK, Redis: OK, Migrations: OK}
	var schema *store.SchemaError
	switch {
	case errors.As(databaseErr, &schema):
		c.Migrations = schema.Error()
	case databaseErr != nil:
		c.Database, c.Migrations = databaseErr.Error(), unknown
	}
	if redisErr != nil {
		c.Redis = redisErr.Error()
	}
	return Report{Ready: databaseErr == nil && redisErr == nil, Checks: c}
}

// Run checks every second until the context ends. It logs each change and passes it to changed, the first result too.
func (m *Monitor) Run(ctx context.Context, changed func(Report)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	var before Report
	for {
		now := m.Check(ctx)
		if now.Public() != before.Public() || before == (Report{}) {
			m.note(ctx, now)
			changed(now)
			before = now
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (m *Monitor) note(ctx context.Context, r Report) {
	level := slog.LevelInfo
	if !r.Ready && !r.Draining {
		level = slog.LevelWarn
	}
	m.log.Log(ctx, level, "readiness changed", "ready", r.Ready, "draining", r.Draining,
		"database", r.Checks.Database, "redis", r.Checks.Redis, "migrations", r.Checks.Migrations)
}

// Ready is the latest result, without a new check.
func (m *Monitor) Ready() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last.Ready && !m.draining
}
