package backup

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"drydock/internal/backup/physical"
	"drydock/internal/backup/store"
	"drydock/internal/notify"
)

// How often the archive is looked at; how long a thing that failed is left alone; how often
// somebody is reminded.
const (
	watchEvery  = 5 * time.Second
	watchRetry  = time.Minute
	remindAfter = 24 * time.Hour
)

// watcher looks after what happens between the runs of the clock: the log that waits, the
// second repository's log, and the backup that is missing.
type watcher struct {
	s    *Service
	tell func(notify.Event)

	mu      sync.Mutex
	waiting physical.Backlog
	known   bool
	behind  map[string]time.Time // repository -> when passing the log on last succeeded

	told    map[string]time.Time // what somebody was told of -> when
	blocked time.Time            // no other attempt to make the missing backup before
	passed  time.Time            // nor to pass the log on
}

func newWatcher(s *Service, tell func(notify.Event)) *watcher {
	return &watcher{s: s, tell: tell, told: map[string]time.Time{}, behind: map[string]time.Time{}}
}

// run looks until the context ends.
func (w *watcher) run(ctx context.Context) {
	if len(w.s.Config.Physical.Repos) == 0 {
		w.s.Log.Warn(errOff.Error())
		return
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		w.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look is one look.
func (w *watcher) look(ctx context.Context) {
	now, p := w.s.Now(), w.s.Config.Physical
	b, err := physical.Waiting(p.Data)
	w.mu.Lock()
	w.waiting, w.known = b, err == nil
	w.mu.Unlock()
	if err != nil {
		w.s.Log.Debug("the log that waits", "error", err.Error()) // before the first start
		return
	}
	drops, err := physical.Dropped(p.Shared)
	if err != nil {
		w.s.Log.Error("the log that was let go", "error", err.Error())
	}
	for _, a := range alarms(b, drops, p, now) {
		w.alarm(a, now)
	}
	if ctx.Err() == nil && now.After(w.blocked) {
		w.missing(ctx, b, drops, now)
	}
	if ctx.Err() == nil && now.After(w.passed) {
		w.pass(ctx, now)
	}
}

// alarmState is whether something is wrong.
type alarmState struct {
	kind, event, text string
	on                bool
}

// alarms says what is wrong with the archive. It is pure.
func alarms(b physical.Backlog, drops []physical.Drop, p Physical, now time.Time) []alarmState {
	lag := b.Lag(now)
	late := alarmState{kind: "archive", event: notify.ArchiveLate, on: lag > p.Alarm,
		text: fmt.Sprintf("%d segments of the database's log wait to be archived, the oldest for %s: times since then cannot be restored to yet; the database's log says why", b.Segments, lag.Round(time.Second))}
	half := alarmState{kind: "archive-space", event: notify.ArchiveLate, on: p.Keep > 0 && b.Bytes > p.Keep/2,
		text: fmt.Sprintf("%s of the database's log wait to be archived; at %s the oldest is let go, and no later time can be restored to until there is a new backup", store.Bytes(b.Bytes), store.Bytes(p.Keep))}
	broken := alarmState{kind: "archive-broken", event: notify.ArchiveLate, on: len(drops) > 0}
	if broken.on {
		broken.text = fmt.Sprintf("the archive is broken since %s: %d segments were let go, so that the disk did not fill up; a new backup is needed, and is made when archiving works again", drops[0].At.Format(time.RFC3339), len(drops))
	}
	return []alarmState{late, half, broken}
}

func (w *watcher) alarm(a alarmState, now time.Time) {
	last, told := w.told[a.kind]
	switch {
	case a.on && (!told || now.Sub(last) >= remindAfter):
		w.told[a.kind] = now
		w.s.Log.Error("archive", "what", a.event, "error", a.text)
		w.tell(notify.Event{Event: a.event, Kind: a.kind, Time: now, Error: a.text})
	case !a.on && told:
		delete(w.told, a.kind)
		w.s.Log.Info("archive", "what", notify.ArchiveRecovered, "kind", a.kind)
		w.tell(notify.Event{Event: notify.ArchiveRecovered, Kind: a.kind, Time: now})
	}
}

// missing makes the backup without which the log is worth nothing: the first one of a
// repository, and the first one after log was let go, once archiving works again.
func (w *watcher) missing(ctx context.Context, b physical.Backlog, drops []physical.Drop, now time.Time) {
	list, err := w.s.Store.List()
	if err != nil {
		w.s.Log.Error("looking for a missing backup", "error", err.Error())
		return
	}
	for _, r := range w.s.Config.Physical.Repos {
		level := ""
		switch {
		case !hasCopy(list, r.Name):
			level = store.LevelFull
		case r.Name == physical.Local && len(drops) > 0 && b.Segments == 0:
			level = store.LevelIncremental
		default:
			continue
		}
		made, err := w.s.copyTo(ctx, r, level)
		var busy *store.BusyError
		switch {
		case err == nil:
			w.s.Log.Info("made the backup that was missing", "repository", r.Name, "backup", made.ID)
			delete(w.told, "missing "+r.Name)
		case errors.As(err, &busy), ctx.Err() != nil:
		default:
			w.blocked = now.Add(watchRetry)
			text := w.s.masked(err).Error()
			w.s.Log.Error("the missing backup could not be made", "repository", r.Name, "error", text)
			// The database may just be starting: only what lasts is told.
			if first, tried := w.told["missing "+r.Name]; !tried {
				w.told["missing "+r.Name] = now
			} else if now.Sub(first) > 3*watchRetry {
				w.told["missing "+r.Name] = now.Add(remindAfter)
				w.tell(notify.Event{Event: notify.BackupFailed, Kind: level, Time: now, Error: text})
			}
		}
	}
}

func hasCopy(list []store.Backup, repository string) bool {
	for _, b := range list {
		if b.Kind == store.KindPhysical && b.Repository == repository && b.Good() {
			return true
		}
	}
	return false
}

// pass passes the log on to the second repository.
func (w *watcher) pass(ctx context.Context, now time.Time) {
	for _, r := range w.s.Config.Physical.Repos {
		if r.Name == physical.Local {
			continue
		}
		_, err := w.s.relay(ctx, r)
		w.mu.Lock()
		since, ok := w.behind[r.Name]
		if !ok {
			since = now
			w.behind[r.Name] = now
		}
		if err == nil {
			w.behind[r.Name] = now
		}
		w.mu.Unlock()
		if err != nil {
			w.passed = now.Add(watchRetry)
			w.s.Log.Warn("the log could not be passed on", "repository", r.Name, "error", w.s.masked(err).Error())
		}
		a := alarmState{kind: "archive-" + r.Name, event: notify.ArchiveLate, on: err != nil && now.Sub(since) > w.s.Config.Physical.Alarm}
		if a.on {
			a.text = fmt.Sprintf("the log has not been passed on to repository %s for %s: %s", r.Name, now.Sub(since).Round(time.Second), w.s.masked(err))
		}
		if err == nil || a.on {
			w.alarm(a, now)
		}
	}
}

// lags are for metrics, by repository.
func (w *watcher) lags() map[string]func() (time.Duration, bool) {
	all := map[string]func() (time.Duration, bool){}
	for _, r := range w.s.Config.Physical.Repos {
		all[r.Name] = func() (time.Duration, bool) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if r.Name == physical.Local {
				return w.waiting.Lag(w.s.Now()), w.known
			}
			since, ok := w.behind[r.Name]
			return max(w.s.Now().Sub(since), 0), ok
		}
	}
	return all
}
