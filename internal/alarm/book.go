package alarm

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

// Remind is how often somebody is reminded of an alarm that goes on.
const Remind = 24 * time.Hour

// State is whether something is wrong.
type State struct {
	Key               string // what it is about
	Kind, Event, Text string // of the message
	Next              string // of the message: what to do
	On                bool
	After             time.Duration // it is told when it has lasted for so long
}

// entry is an alarm that is not over.
type entry struct {
	Since time.Time `json:"since,omitzero"` // seen first
	At    time.Time `json:"at,omitzero"`    // told last; zero: not yet
	Kind  string    `json:"kind"`
	Event string    `json:"event"`
}

// over is the message that ends an alarm, by the one that began it.
var over = map[string]string{
	notify.ArchiveLate: notify.ArchiveRecovered, notify.BackupFailed: notify.BackupRecovered, notify.BackupOverdue: notify.BackupRecovered,
	notify.DrillOverdue: notify.DrillRecovered, notify.DiskFull: notify.DiskRecovered, notify.ServiceFailed: notify.ServiceRecovered,
	notify.CertificateFailed: notify.CertificateRecovered, notify.RunFailed: notify.RunRecovered, notify.WatchSilent: notify.WatchRecovered,
}

// Book tells of alarms once, reminds, and tells when they are over. It is kept in a file:
// what was told before a restart has to be ended after it, and not told again. It is for one
// goroutine.
type Book struct {
	file string
	tell func(notify.Event) error
	log  *slog.Logger
	open map[string]entry // by key
}

// Open reads what was told. What cannot be read is begun anew: an alarm is rather told twice
// than never.
func Open(file string, tell func(notify.Event) error, log *slog.Logger) *Book {
	b := &Book{file: file, tell: tell, log: log, open: map[string]entry{}}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return b
	}
	if err == nil {
		err = json.Unmarshal(text, &b.open)
	}
	if err != nil || b.open == nil {
		log.Error("which alarms were told cannot be read, and is begun anew", "file", file, "error", err)
		b.open = map[string]entry{}
	}
	return b
}

// Told says whether somebody was told of an alarm, and it is not over.
func (b *Book) Told(key string) bool { return !b.open[key].At.IsZero() }

// Look tells what is new about an alarm. What could not be told is not noted as told, so the
// next look tries again.
func (b *Book) Look(a State, now time.Time) error {
	was, known := b.open[a.Key]
	if !a.On && !known {
		return nil
	}
	e, done := notify.Event{Time: now}, was
	switch {
	case !a.On && was.At.IsZero(): // nobody heard of it
	case !a.On:
		e.Event, e.Kind = over[was.Event], was.Kind
	default:
		if done.Kind, done.Event = a.Kind, a.Event; !known {
			done.Since = now
		}
		if was.At.IsZero() && now.Sub(done.Since) >= a.After || !was.At.IsZero() && now.Sub(was.At) >= Remind {
			e.Event, e.Kind, e.Error, e.Next = a.Event, a.Kind, a.Text, a.Next
			done.At = now
		}
	}
	var err error
	if e.Event != "" {
		if a.On {
			b.log.Error("alarm", "what", e.Event, "kind", e.Kind, "error", e.Error)
		} else {
			b.log.Info("alarm", "what", e.Event, "kind", e.Kind)
		}
		if err = b.tell(e); err != nil {
			done.At = was.At
		}
	}
	if a.On || err != nil {
		b.open[a.Key] = done
	} else {
		delete(b.open, a.Key)
	}
	if now, there := b.open[a.Key]; now != was || there != known {
		b.keep()
	}
	return err
}

// KeepOnly ends the alarms about what is not there any more, such as a repository that was
// taken out of the settings.
func (b *Book) KeepOnly(keys []string, now time.Time) error {
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(b.open)) {
		if !slices.Contains(keys, key) {
			errs = append(errs, b.Look(State{Key: key}, now))
		}
	}
	return errors.Join(errs...)
}

// keep writes it down. On a full disk the alarm matters more than its memory.
func (b *Book) keep() {
	text, err := json.MarshalIndent(b.open, "", "  ")
	if err == nil {
		err = aside.WriteBytes(b.file, 0o600, append(text, '\n'))
	}
	if err != nil {
		b.log.Error("which alarms were told cannot be written down", "error", err.Error())
	}
}
