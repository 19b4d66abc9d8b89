package live

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	commandTimeout = time.Second
	retryAfter     = 500 * time.Millisecond
	// quiet is after how long without a message the subscription is tested with a ping; as long again without an answer
	// means that it is dead, which a broken network alone would not tell for minutes.
	quiet = 2 * time.Second
)

// Run keeps the one subscription of this instance until the context ends.
func (b *Bus) Run(ctx context.Context) {
	var settling sync.WaitGroup
	settling.Go(func() { b.settle(ctx) })
	defer settling.Wait()
	for failures := 0; ; failures++ {
		lived, err := b.listen(ctx)
		if ctx.Err() != nil {
			return
		}
		if lived {
			failures = 0
		}
		if failures == 0 { // once an outage
			b.log.WarnContext(ctx, "live updates interrupted; reconnecting to Redis", "error", err)
		}
		if !sleep(ctx, retryAfter) {
			return
		}
	}
}

// listen subscribes and delivers until something breaks. lived tells whether the subscription ever stood.
func (b *Bus) listen(ctx context.Context) (lived bool, err error) {
	sub := b.rdb.Subscribe(ctx, b.channel)
	defer sub.Close()
	// A read does not end with its context, only with its connection.
	defer context.AfterFunc(ctx, func() { sub.Close() })()

	if _, err := sub.ReceiveTimeout(ctx, commandTimeout); err != nil {
		return false, fmt.Errorf("subscribing to %s: %w", b.channel, err)
	}
	// Only now, with the subscription standing: what is published after the position was read does arrive.
	if err := b.resume(ctx); err != nil {
		return false, err
	}
	b.log.InfoContext(ctx, "live updates connected", "position", b.hub.Last().String())
	return true, b.deliver(ctx, sub)
}

func (b *Bus) deliver(ctx context.Context, sub *redis.PubSub) error {
	pinged := false
	for {
		received, err := sub.ReceiveTimeout(ctx, quiet)
		if isTimeout(err) && !pinged {
			if err := sub.Ping(ctx); err != nil {
				return fmt.Errorf("testing the subscription: %w", err)
			}
			pinged = true
			continue
		}
		if err != nil {
			return fmt.Errorf("receiving from %s: %w", b.channel, err)
		}
		pinged = false
		switch m := received.(type) {
		case *redis.Message:
			message, err := parseMessage(m.Payload)
			if err != nil {
				b.log.WarnContext(ctx, "ignoring a foreign message", "channel", b.channel, "error", err)
				continue
			}
			b.hub.Accept(message)
		case *redis.Subscription: // the client reconnected on its own: something may have been missed
			if err := b.resume(ctx); err != nil {
				return err
			}
		}
	}
}

// positionScript reads the position. A Redis that restarted from an older snapshot counts on from a lower number, and
// numbers that pages have seen would come again for other events: then the count gets a new name.
var positionScript = redis.NewScript(`
redis.call('HSETNX', KEYS[1], 'epoch', ARGV[1])
local epoch = redis.call('HGET', KEYS[1], 'epoch')
local seq = redis.call('HGET', KEYS[1], 'seq') or '0'
if epoch == ARGV[2] and tonumber(seq) < tonumber(ARGV[3]) then
  epoch = ARGV[1]
  redis.call('HSET', KEYS[1], 'epoch', epoch)
end
return epoch .. '-' .. seq`)

func (b *Bus) resume(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	last := b.hub.Last()
	id, err := positionScript.Run(ctx, b.rdb, []string{b.counter}, newEpoch(), last.Epoch, last.Seq).Text()
	if err != nil {
		return fmt.Errorf("reading the position of the live updates: %w", err)
	}
	at, ok := ParsePosition(id)
	if !ok {
		return fmt.Errorf("reading the position of the live updates: %q in %s is none; delete the key", id, b.counter)
	}
	b.hub.Resume(at)
	return nil
}

// parseMessage is the reverse of what publishScript puts together.
func parseMessage(s string) (Message, error) {
	id, rest, _ := strings.Cut(s, "\n")
	kind, data, ok := strings.Cut(rest, "\n")
	at, valid := ParsePosition(id)
	if !ok || !valid || kind == "" || data == "" || strings.ContainsAny(data, "\r\n") {
		return Message{}, errors.New("not an event of this service")
	}
	return Message{At: at, Kind: kind, Data: []byte(data)}, nil
}

func isTimeout(err error) bool {
	var netErr net.Error
	return errors.As(err, &netErr) && netErr.Timeout()
}
