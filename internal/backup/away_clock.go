package backup

import (
	"context"
	"errors"
	"time"

	"drydock/internal/backup/store"
	"drydock/internal/notify"
)

// How often it is looked for backups without a copy; how often the bucket is asked although all
// of them have one, since retention goes on; how long sending may fail before somebody is told.
const (
	sendEvery = 15 * time.Second
	sendAnew  = 6 * time.Hour
	sendAlarm = 30 * time.Minute
)

// copier sends copies whenever there is a new backup, whoever made it.
type copier struct {
	s     *Service
	tell  func(notify.Event)
	known map[string]bool // looked at by a Send that went well

	last    time.Time // that went well
	failing time.Time // since then it fails; zero: it does not
	blocked time.Time // no other attempt before
	told    bool
}

func (c *copier) run(ctx context.Context) {
	if c.s.Away == nil || c.s.Config.ReadOnly {
		return
	}
	every(ctx, sendEvery, func() { c.look(ctx) })
}

func (c *copier) look(ctx context.Context) {
	now := c.s.Now()
	list, err := c.s.Store.List()
	if err != nil {
		c.s.Log.Error("looking for backups without a copy", "error", err.Error())
		return
	}
	if now.Before(c.blocked) || !c.due(list, now) {
		return
	}
	_, err = c.s.Send(ctx)
	var busy *store.BusyError
	switch {
	case ctx.Err() != nil, errors.As(err, &busy):
	case err != nil:
		c.blocked = now.Add(watchRetry)
		if c.failing.IsZero() {
			c.failing = now
		}
		text := c.s.masked(err).Error()
		c.s.Log.Error("copies could not be sent to S3", "error", text)
		if !c.told && now.Sub(c.failing) >= sendAlarm {
			c.told = true
			c.tell(notify.Event{Event: notify.BackupFailed, Kind: "copies", Time: now, Error: text, Next: "it is tried again every minute"})
		}
	default:
		if c.told {
			c.tell(notify.Event{Event: notify.BackupRecovered, Kind: "copies", Time: now})
		}
		c.last, c.failing, c.told, c.known = now, time.Time{}, false, map[string]bool{}
		for _, b := range list {
			c.known[b.ID] = true
		}
	}
}

func (c *copier) due(list []store.Backup, now time.Time) bool {
	if now.Sub(c.last) > sendAnew {
		return true
	}
	for _, b := range list {
		if b.Kind != store.KindPhysical && b.Good() && !c.known[b.ID] {
			return true
		}
	}
	return false
}
