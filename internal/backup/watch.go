package backup

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"drydock/internal/alarm"
	"drydock/internal/backup/physical"
	"drydock/internal/backup/store"
	"drydock/internal/notify"
)

// How often the archive is looked at; how long a thing that failed is left alone; how long a
// missing backup may fail before somebody is told: the database may just be starting.
const (
	watchEvery  = 5 * time.Second
	watchRetry  = time.Minute
	missingLast = 3 * watchRetry
)

// watcher looks after what happens between the runs of the clock: the log that waits, the
// second repository's log, and the backup that is missing.
type watcher struct {
	s    *Service
	told *alarm.Book

	mu      sync.Mutex
	waiting physical.Backlog
	known   bool
	behind  map[string]time.Time // repository -> when passing the log on last succeeded

	failing map[string]time.Time // repository -> since when its missing backup cannot be made
	blocked time.Time            // no other attempt to make the missing backup before
	passed  time.Time            // nor to pass the log on
}

func newWatcher(s *Service, tell func(notify.Event)) *watcher {
	return &watcher{s: s, told: s.book(s.Store.Alarms(), tell), failing: map[string]time.Time{}, behind: map[string]time.Time{}}
}

// run looks until the context ends.
func (w *watcher) run(ctx context.Context) {
	w.s.noted(w.told.KeepOnly(w.kinds(), w.s.Now()))
	if len(w.s.Config.Physical.Repos) == 0 {
		w.s.Log.Warn(errOff.Error())
		return
	}
	every(ctx, watchEvery, func() { w.look(ctx) })
}

// every looks at once, and then each time that a period is over, until the context ends.
func every(ctx context.Context, period time.Duration, look func()) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		look()
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
	for _, a := range alarms(b, drops, p, w.s.Config.RPO.Zero, now) {
		w.s.noted(w.told.Look(a, now))
	}
	if ctx.Err() == nil && now.After(w.blocked) {
		w.missing(ctx, b, drops, now)
	}
	if ctx.Err() == nil && now.After(w.passed) {
		w.pass(ctx, now)
	}
}

// alarms says what is wrong with the archive. It is pure.
func alarms(b physical.Backlog, drops []physical.Drop, p Physical, zero bool, now time.Time) []alarm.State {
	lag := b.Lag(now)
	since, after := "times since then cannot be restored to yet", "no later time can be restored to until there is a new backup"
	if zero {
		since, after = "times since then can be restored to from what was received alone", "what was received has to stand in for it until there is a new backup"
	}
	waits := alarm.State{Key: keyLate, Kind: keyLate, Event: notify.ArchiveLate, On: lag > p.Alarm,
		Text: fmt.Sprintf("%d segments of the database's log wait to be archived, the oldest for %s: %s; the database's log says why", b.Segments, lag.Round(time.Second), since)}
	half := alarm.State{Key: keySpace, Kind: keySpace, Event: notify.ArchiveLate, On: p.Keep > 0 && b.Bytes > p.Keep/2,
		Text: fmt.Sprintf("%s of the database's log wait to be archived; at %s the oldest is let go, and %s", store.Bytes(b.Bytes), store.Bytes(p.Keep), after)}
	broken := alarm.State{Key: keyBroken, Kind: keyBroken, Event: notify.ArchiveLate, On: len(drops) > 0}
	if broken.On {
		broken.Text = fmt.Sprintf("the archive is broken since %s: %d segments were let go, so that the disk did not fill up; a new backup is needed, and is made when archiving works again", drops[0].At.Format(time.RFC3339), len(drops))
	}
	return []alarm.State{waits, half, broken}
}

// kinds are the alarms that there can be with the settings of now, by their keys.
func (w *watcher) kinds() (keys []string) {
	for _, r := range w.s.Config.Physical.Repos {
		keys = append(keys, missingKey(r.Name))
		if r.Name == physical.Local {
			keys = append(keys, keyLate, keySpace, keyBroken)
		} else {
			keys = append(keys, passKey(r.Name))
		}
	}
	return keys
}

// Keys of alarms; those of the archive are the kind that a message has, too.
const (
	keyLate   = "archive"
	keySpace  = "archive-space"
	keyBroken = "archive-broken"
)

func passKey(repository string) string    { return "archive-" + repository }
func missingKey(repository string) string { return "missing " + repository }

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
		case r.Name == physical.Local && len(drops) > 0:
			if b.Segments > 0 {
				continue // it would fail like the archive does
			}
			level = store.LevelIncremental
		default: // it is there, whoever made it
			w.there(r.Name, now)
			continue
		}
		made, err := w.s.copyTo(ctx, r, level)
		var busy *store.BusyError
		switch {
		case err == nil:
			w.s.Log.Info("made the backup that was missing", "repository", r.Name, "backup", made.ID)
			w.there(r.Name, now)
		case errors.As(err, &busy), ctx.Err() != nil:
		default:
			w.blocked = now.Add(watchRetry)
			text := w.s.masked(err).Error()
			w.s.Log.Error("the missing backup could not be made", "repository", r.Name, "error", text)
			w.notThere(r.Name, level, text, now)
		}
	}
}

// there ends what was said of a missing backup.
func (w *watcher) there(repository string, now time.Time) {
	delete(w.failing, repository)
	w.s.noted(w.told.Look(alarm.State{Key: missingKey(repository)}, now))
}

// notThere tells of a missing backup that could not be made, if that lasts.
func (w *watcher) notThere(repository, level, text string, now time.Time) {
	first, failed := w.failing[repository]
	if !failed {
		first, w.failing[repository] = now, now
	}
	if now.Sub(first) > missingLast {
		w.s.noted(w.told.Look(alarm.State{Key: missingKey(repository), Kind: level, Event: notify.BackupFailed, Text: text, On: true}, now))
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
		a := alarm.State{Key: passKey(r.Name), Kind: passKey(r.Name), Event: notify.ArchiveLate, On: err != nil && now.Sub(since) > w.s.Config.Physical.Alarm}
		if a.On {
			a.Text = fmt.Sprintf("the log has not been passed on to repository %s for %s: %s", r.Name, now.Sub(since).Round(time.Second), w.s.masked(err))
		}
		if err == nil || a.On {
			w.s.noted(w.told.Look(a, now))
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
