package backup

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"drydock/internal/aside"
	"drydock/internal/notify"
)

// remindAfter is how often somebody is reminded of an alarm that goes on.
const remindAfter = 24 * time.Hour

// alarmState is whether something is wrong.
type alarmState struct {
	key               string // what it is about
	kind, event, text string // of the message
	on                bool
}

// told is an alarm that somebody was told of, and that is not over.
type told struct {
	At    time.Time `json:"at"` // the last time
	Kind  string    `json:"kind"`
	Event string    `json:"event"`
}

// over is the message that ends an alarm, by the one that began it.
var over = map[string]string{notify.ArchiveLate: notify.ArchiveRecovered, notify.BackupFailed: notify.BackupRecovered}

// alarmBook tells of alarms once, reminds, and tells when they are over. It is kept in a file:
// what was told before a restart has to be ended after it, and not told again.
type alarmBook struct {
	file string
	tell func(notify.Event)
	log  *slog.Logger
	open map[string]told // by key
}

// openAlarms reads what was told. What cannot be read is begun anew: an alarm is rather told
// twice than never.
func openAlarms(file string, tell func(notify.Event), log *slog.Logger) *alarmBook {
	b := &alarmBook{file: file, tell: tell, log: log, open: map[string]told{}}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return b
	}
	if err == nil {
		err = json.Unmarshal(text, &b.open)
	}
	if err != nil || b.open == nil {
		log.Error("which alarms were told cannot be read, and is begun anew", "error", err)
		b.open = map[string]told{}
	}
	return b
}

// look tells what is new about an alarm.
func (b *alarmBook) look(a alarmState, now time.Time) {
	last, known := b.open[a.key]
	switch {
	case a.on && (!known || now.Sub(last.At) >= remindAfter):
		b.log.Error("alarm", "what", a.event, "kind", a.kind, "error", a.text)
		b.tell(notify.Event{Event: a.event, Kind: a.kind, Time: now, Error: a.text})
		b.open[a.key] = told{At: now, Kind: a.kind, Event: a.event}
	case !a.on && known:
		b.log.Info("alarm", "what", over[last.Event], "kind", last.Kind)
		b.tell(notify.Event{Event: over[last.Event], Kind: last.Kind, Time: now})
		delete(b.open, a.key)
	default:
		return
	}
	b.keep()
}

// keepOnly ends the alarms about what is not there any more: a repository that was taken out
// of the settings.
func (b *alarmBook) keepOnly(keys []string, now time.Time) {
	for _, key := range slices.Sorted(maps.Keys(b.open)) {
		if !slices.Contains(keys, key) {
			b.look(alarmState{key: key}, now)
		}
	}
}

// keep writes it down. On a full disk the alarm matters more than its memory.
func (b *alarmBook) keep() {
	text, err := json.MarshalIndent(b.open, "", "  ")
	if err == nil {
		err = aside.WriteBytes(b.file, 0o600, append(text, '\n'))
	}
	if err != nil {
		b.log.Error("which alarms were told cannot be written down", "error", err.Error())
	}
}
