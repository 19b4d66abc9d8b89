package cache

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"drydock/backend/internal/board"
)

// Source is where the true numbers are.
type Source interface {
	Stats(ctx context.Context) (board.Stats, error)
	AddVisit(ctx context.Context) error
}

const (
	// ttl bounds how long a value can live that missed its invalidation, for instance because an instance died
	// between its commit and the next line.
	ttl = 30 * time.Second
	// redisTimeout is short: the fallback, counting, is there and correct.
	redisTimeout = 500 * time.Millisecond
)

// Counter is board.Counter on Redis. Safe for concurrent use.
type Counter struct {
	source  Source
	rdb     *redis.Client
	value   string // key of the cached numbers
	changes string // key that grows with every change
	log     *slog.Logger

	// Invalidations are numbered so that one that failed counts as made up for only by one that began after it.
	mu                         sync.Mutex
	started, delivered, failed int64
}

// NewCounter returns a Counter whose keys start with prefix.
func NewCounter(source Source, rdb *redis.Client, prefix string, log *slog.Logger) *Counter {
	return &Counter{source: source, rdb: rdb, value: prefix + ":stats", changes: prefix + ":stats:changes", log: log}
}

// fillScript stores the numbers only if nothing changed since the counting began. Without it a slow reader could put
// back the old numbers right after a writer removed them.
var fillScript = redis.NewScript(`
if (redis.call('GET', KEYS[2]) or '0') == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 0`)

// Stats answers from Redis, else counts and fills Redis.
func (c *Counter) Stats(ctx context.Context) (board.Stats, error) {
	if c.stale() {
		c.Invalidate(ctx)
	}
	var (
		cached  *board.Stats
		changes string
		usable  bool
	)
	if !c.stale() { // else Redis is still away
		cached, changes, usable = c.read(ctx)
	}
	if cached != nil {
		return *cached, nil
	}
	st, err := c.source.Stats(ctx)
	if err != nil {
		return board.Stats{}, err
	}
	if usable {
		c.fill(ctx, st, changes)
	}
	return st, nil
}

// Visit counts one visit and answers the new numbers.
func (c *Counter) Visit(ctx context.Context) (board.Stats, error) {
	if err := c.source.AddVisit(ctx); err != nil {
		return board.Stats{}, err
	}
	c.Invalidate(ctx)
	return c.Stats(ctx)
}

// Invalidate forgets the cached numbers; call it after the commit of a change. If Redis is away, this instance counts
// for itself until it could be told.
func (c *Counter) Invalidate(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), redisTimeout)
	defer cancel()
	number := c.begin()
	_, err := c.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Incr(ctx, c.changes)
		p.Del(ctx, c.value)
		return nil
	})
	if err != nil {
		c.log.WarnContext(ctx, "cached counters could not be invalidated; counting instead", "error", err)
	}
	c.end(number, err == nil)
}

func (c *Counter) begin() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started++
	return c.started
}

func (c *Counter) end(number int64, delivered bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if delivered {
		c.delivered = max(c.delivered, number)
	} else {
		c.failed = max(c.failed, number)
	}
}

// stale reports whether Redis may hold numbers that a change of this instance has made wrong.
func (c *Counter) stale() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed > c.delivered
}

// read returns the cached numbers, or nil and the state of the change counter. usable is false when Redis is away.
func (c *Counter) read(ctx context.Context) (cached *board.Stats, changes string, usable bool) {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	values, err := c.rdb.MGet(ctx, c.value, c.changes).Result()
	if err != nil {
		c.log.WarnContext(ctx, "cached counters could not be read; counting instead", "error", err)
		return nil, "", false
	}
	changes = "0"
	if s, ok := values[1].(string); ok {
		changes = s
	}
	if s, ok := values[0].(string); ok {
		var st board.Stats
		if err := json.Unmarshal([]byte(s), &st); err == nil {
			return &st, changes, true
		}
		c.log.WarnContext(ctx, "cached counters are unreadable; counting instead", "key", c.value)
	}
	return nil, changes, true
}

func (c *Counter) fill(ctx context.Context, st board.Stats, changes string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), redisTimeout)
	defer cancel()
	data, err := json.Marshal(st)
	if err == nil {
		err = fillScript.Run(ctx, c.rdb, []string{c.value, c.changes}, changes, data, ttl.Milliseconds()).Err()
	}
	if err != nil {
		c.log.WarnContext(ctx, "counters could not be cached", "error", err)
	}
}
