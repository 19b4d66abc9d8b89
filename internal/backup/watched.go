package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"drydock/internal/alarm"
	"drydock/internal/aside"
	"drydock/internal/backup/schedule"
	"drydock/internal/notify"
)

// watchedAgain is how long whoever looks from outside may be silent: `alarm:check` runs
// every minute as a rule.
const watchedAgain = 30 * time.Minute

// watched is when somebody looked at the services from outside for the last time; zero: nobody
// ever did.
type watched struct {
	At   time.Time `json:"at"`
	Host string    `json:"host"`
}

// Watched notes that somebody on a host has just looked at the services, from outside. The
// service tells when that does not happen again.
func (s *Service) Watched(host string) error {
	return s.note(s.Store.Watched(), watched{At: s.Now().UTC(), Host: host})
}

// Unwatched forgets that: nobody is expected any more.
func (s *Service) Unwatched() error {
	if err := os.Remove(s.Store.Watched()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forgetting who looks at the services: %w", err)
	}
	return nil
}

func (s *Service) watched() (w watched, err error) { return w, recall(s.Store.Watched(), &w) }

func (w watched) fresh(now time.Time) bool { return !w.At.IsZero() && now.Sub(w.At) <= watchedAgain }

// state is whether whoever looked does so no more.
func (w watched) state(now time.Time) alarm.State {
	return alarm.State{
		Key: "watch", Kind: "alarm:check", Event: notify.WatchSilent, On: !w.At.IsZero() && !w.fresh(now),
		Text: fmt.Sprintf("nobody looks at the services from outside since %s; %s did until then", w.At.UTC().Format(time.RFC3339), w.Host),
		Next: "systemctl status drydock-watch.timer on " + w.Host,
	}
}

// verifiedAt is when every backup was last read again and found to be good.
type verifiedAt struct {
	At time.Time `json:"at"`
}

func (s *Service) noteVerified() error {
	if s.Config.ReadOnly {
		return nil
	}
	return s.note(s.Store.Verified(), verifiedAt{s.Now().UTC()})
}

// lastVerified is that for the clock: one that a person or a timer of the host has begun counts.
func (s *Service) lastVerified() (schedule.Found, bool) {
	var v verifiedAt
	if err := recall(s.Store.Verified(), &v); err != nil {
		s.Log.Error("looking for when the backups were verified", "error", err.Error())
		return schedule.Found{}, false
	}
	return schedule.Found{At: v.At}, !v.At.IsZero()
}

// note keeps a value in a file, recall reads it; a file that is not there is no value.
func (s *Service) note(file string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return aside.WriteBytes(file, 0o600, append(text, '\n'))
}

func recall(file string, v any) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	return nil
}
