package backup

import (
	"context"
	"sync/atomic"
	"time"

	"drydock/internal/backup/logical"
)

// beater writes the heartbeat, from which a drill tells how much a recovery would lose.
type beater struct {
	s    *Service
	host string
	last atomic.Int64 // UnixNano of the last one that was written; 0 is none
}

// run beats until the context ends. A database that is away is said once, and once more
// when it is back: a line every few seconds would hide everything else.
func (b *beater) run(ctx context.Context) {
	period := b.s.Config.Heartbeat
	if period <= 0 {
		return
	}
	failing := false
	every(ctx, period, func() {
		bounded, cancel := context.WithTimeout(ctx, max(period, 10*time.Second))
		at, err := logical.Beat(bounded, b.s.Config.Server, b.host)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			b.s.Log.Warn("the heartbeat cannot be written; a drill cannot tell how much would be lost", "error", b.s.masked(err).Error())
		case err == nil && failing:
			b.s.Log.Info("the heartbeat is written again")
		}
		if failing = err != nil; !failing {
			b.last.Store(at.UnixNano())
		}
	})
}

// seconds is when the last heartbeat was written, for metrics; 0 is never.
func (b *beater) seconds() float64 { return float64(b.last.Load()) / float64(time.Second) }
