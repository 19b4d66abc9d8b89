package backup

import (
	"context"
	"fmt"
	"strings"
	"time"

	"drydock/internal/alarm"
	"drydock/internal/backup/store"
	"drydock/internal/disk"
	"drydock/internal/notify"
)

// lookEvery is how often the lookout looks.
const lookEvery = 30 * time.Second

// lookout tells of what is about to go wrong around the backups: a disk that fills up, drills
// and configuration backups that do not come, and, where nothing looks at the services from
// outside (`alarm:check`), those that this one reaches.
type lookout struct {
	s      *Service
	told   *alarm.Book
	probes []probe
}

func newLookout(s *Service, tell func(notify.Event)) *lookout {
	return &lookout{s: s, told: s.book(s.Store.Conditions(), tell), probes: s.probes()}
}

// book is a book of alarms whose messages wait in the sender's queue.
func (s *Service) book(file string, tell func(notify.Event)) *alarm.Book {
	return alarm.Open(file, func(e notify.Event) error { tell(e); return nil }, s.Log)
}

// noted logs what a book could not do.
func (s *Service) noted(err error) {
	if err != nil {
		s.Log.Error("telling of an alarm", "error", err.Error())
	}
}

// run looks until the context ends.
func (l *lookout) run(ctx context.Context) {
	every(ctx, lookEvery, func() { l.look(ctx, l.s.Now()) })
}

// look is one look.
func (l *lookout) look(ctx context.Context, now time.Time) {
	states := diskStates(disk.Together(spaces(l.s.Config.Root)), l.s.Config.Disk, l.told.Told)
	list, err := l.s.Store.List()
	if err != nil {
		l.s.Log.Error("looking at how old the backups are", "error", err.Error())
	} else {
		states = append(states, ageStates(list, l.s.Config.DrillAge, l.s.Config.ConfigAge, now)...)
	}
	watched, err := l.s.watched()
	if err != nil {
		l.s.Log.Error("looking at who looks at the services", "error", err.Error())
	}
	states = append(states, watched.state(now))
	keys := []string{}
	for _, a := range states {
		keys = append(keys, a.Key)
	}
	for _, p := range l.probes {
		key := "service " + p.name
		keys = append(keys, key)
		if watched.fresh(now) && !l.told.Told(key) {
			continue // that one sees more
		}
		states = append(states, l.ask(ctx, p))
	}
	if ctx.Err() != nil {
		return // what was not answered says nothing
	}
	for _, a := range states {
		l.s.noted(l.told.Look(a, now))
	}
	l.s.noted(l.told.KeepOnly(keys, now))
}

// keyDisk is the key of an alarm about a disk: by what is on it, which stays when its size changes.
func keyDisk(d disk.Disk) string { return "disk " + strings.Join(d.Of, " ") }

// diskStates says which disks are about to be full. It is pure.
func diskStates(list []disk.Disk, limit disk.Limit, told func(key string) bool) (states []alarm.State) {
	for _, d := range list {
		key := keyDisk(d)
		states = append(states, alarm.State{
			Key: key, Kind: strings.Join(d.Of, ", "), Event: notify.DiskFull, Text: d.Says(),
			Next: "docker system df; go tool mage image:prune", On: limit.Short(d) || told(key) && !limit.Well(d),
		})
	}
	return states
}

// ageStates says what is too old. An environment without any backup is too young for that. It
// is pure.
func ageStates(list []store.Backup, drill, config time.Duration, now time.Time) []alarm.State {
	var begun, proven, saved time.Time
	for _, b := range list {
		if begun.IsZero() || b.Finished.Before(begun) {
			begun = b.Finished
		}
		if b.Kind == store.KindConfig && b.Good() && b.Finished.After(saved) {
			saved = b.Finished
		}
		if p := b.Proven(); p != nil && p.At.After(proven) {
			proven = p.At
		}
	}
	state := func(key, event, what, next string, at time.Time, bound time.Duration) alarm.State {
		since, text := at, "the newest "+what+" is of "+at.UTC().Format(time.RFC3339)
		if at.IsZero() {
			since, text = begun, "there is no "+what+", and the oldest backup is of "+begun.UTC().Format(time.RFC3339)
		}
		return alarm.State{Key: key, Kind: key, Event: event, Text: text, Next: next, On: bound > 0 && !since.IsZero() && now.Sub(since) > bound}
	}
	return []alarm.State{
		state("drill", notify.DrillOverdue, "drill that passed", "go tool mage backup:restoreDrill", proven, drill),
		state("config", notify.BackupOverdue, "backup of the configuration", "go tool mage backup:config", saved, config),
	}
}

// ask asks one service.
func (l *lookout) ask(ctx context.Context, p probe) alarm.State {
	bounded, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	a := alarm.State{Key: "service " + p.name, Kind: p.name, Event: notify.ServiceFailed, After: l.s.Config.AlarmAfter, Next: "go tool mage status"}
	if err := p.ask(bounded); err != nil {
		a.On, a.Text = true, fmt.Sprintf("asked by the backup service: %s", l.s.masked(err))
	}
	return a
}
