package live

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"drydock/backend/internal/board"
)

// Bus is board.Publisher on Redis and the source of a Hub.
type Bus struct {
	rdb     *redis.Client
	hub     *Hub
	channel string // pub/sub channel
	counter string // hash: epoch, seq
	log     *slog.Logger

	owed chan struct{} // holds a token while a change could not be published
}

// NewBus returns a Bus whose keys and channel start with prefix. Run must be running for events to arrive.
func NewBus(rdb *redis.Client, hub *Hub, prefix string, log *slog.Logger) *Bus {
	return &Bus{
		rdb:     rdb,
		hub:     hub,
		channel: prefix + ":events",
		counter: prefix + ":events:position",
		log:     log,
		owed:    make(chan struct{}, 1),
	}
}

// publishScript numbers and publishes in one step, so the order of numbers is the order of delivery. Both fields live
// in one key: evicted or flushed, they go together.
var publishScript = redis.NewScript(`
redis.call('HSETNX', KEYS[1], 'epoch', ARGV[1])
local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
local id = redis.call('HGET', KEYS[1], 'epoch') .. '-' .. seq
redis.call('PUBLISH', ARGV[2], id .. '\n' .. ARGV[3] .. '\n' .. ARGV[4])
return id`)

// Publish tells all instances about a change. If Redis is away, all pages are told to resync once it is back.
func (b *Bus) Publish(ctx context.Context, e board.Event) {
	data, err := json.Marshal(payload(e))
	if err == nil {
		err = b.publish(ctx, e.Kind, data)
	}
	if err != nil {
		b.log.WarnContext(ctx, "change could not be published; pages will resync", "kind", e.Kind, "error", err)
		b.owe()
	}
}

func payload(e board.Event) any {
	if e.Kind == board.Deleted {
		return struct {
			ID      int64 `json:"id"`
			Version int64 `json:"version"`
		}{e.Note.ID, e.Note.Version}
	}
	return e.Note
}

func (b *Bus) publish(ctx context.Context, kind string, data []byte) error {
	return publishScript.Run(ctx, b.rdb, []string{b.counter}, newEpoch(), b.channel, kind, data).Err()
}

func (b *Bus) owe() {
	select {
	case b.owed <- struct{}{}:
	default: // one resync makes up for any number of changes
	}
}

// settle publishes the resyncs that are owed.
func (b *Bus) settle(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.owed:
		}
		for {
			attempt, cancel := context.WithTimeout(ctx, commandTimeout)
			err := b.publish(attempt, Resync, []byte(`{"reason":"missed"}`))
			cancel()
			if err == nil || !sleep(ctx, retryAfter) {
				break
			}
		}
	}
}

// newEpoch has 128 random bits in base32: no dash, so it cannot be confused with the rest of an id.
func newEpoch() string {
	return rand.Text()
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
