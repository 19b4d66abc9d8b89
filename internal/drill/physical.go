package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"drydock/internal/backup"
	"drydock/internal/backup/recovery"
	"drydock/internal/compose"
	"drydock/internal/stack"
)

// physicalSteps prove the newest physical chain: a point in time inside of it, and all of the
// log. There is no manifest to compare with, since the log goes on after a backup: what came
// back is known by its heartbeat, its checksums and indexes, and by the product running on it.
func (s *scratch) physicalSteps() []step {
	return []step{
		{"images and secrets", true, s.prepare},
		{"repository", false, s.verifyRepository},
		{"starting Redis", true, s.redis},
		{"a point in time", false, s.pointInTime},
		{"restoring and replaying the log", true, s.replay},
		{"isolation", false, s.isolation},
		{"looking for the heartbeat", false, s.findHeartbeat},
		{"checking every index and table", false, s.amcheck},
		{"reading and writing", false, s.readAndWrite},
		{"starting the backend on it", true, s.backend},
		{"asking the backend", false, s.askBackend},
		{"data loss and budgets", false, s.budgets},
		{"damaging it on purpose", false, s.controlIndex},
	}
}

// verifyRepository has the live service read the backup and its log again.
func (s *scratch) verifyRepository(ctx context.Context) error {
	err := s.verify(ctx)
	if err == nil {
		s.part.check("repository verify", true, "every file of the backup and of its log, read again")
		return nil
	}
	s.part.check("repository verify", false, last(err.Error()))
	return ctx.Err()
}

func (s *scratch) redis(ctx context.Context) error {
	return s.up(ctx, compose.Base(s.Settings, s.v), compose.UpOptions{Services: []string{"redis"}, Timeout: dataTimeout})
}

// copyName is the container and the volume of what is restored.
func (s *scratch) copyName() string { return s.Settings.Project + "-physical" }

// recover restores the backup that is drilled, from where it is, to a time or backup.Latest.
func (s *scratch) recover(ctx context.Context, at string) error {
	d := s.Settings.Database
	source, err := recovery.SourceOf(ctx, s.Engine, s.live, d.User, d.Name)
	if err != nil {
		return err
	}
	labels := s.labels()
	labels[stack.LabelEnv] = s.Settings.Env
	copied, err := recovery.Copy(ctx, s.Engine, recovery.Spec{
		Name: s.copyName(), Source: source, ID: s.part.Backup, At: at, Network: s.Settings.Project + "-data", Aliases: []string{"db"}, Labels: labels,
	}, func(text string) { _, _ = fmt.Fprintln(s.Err, "restore drill: "+text) }) // narration
	s.db = copied.Container
	return err
}

// pitTolerance is how far the restored heartbeat may be before the time that was asked for,
// besides the interval in which it is written: a busy machine writes late.
const pitTolerance = 30 * time.Second

// pointInTime goes back to a moment between the backup and now: what came back has to be
// from just before it, and nothing from after it.
func (s *scratch) pointInTime(ctx context.Context) error {
	at, ok := between(s.part.Finished, sooner(s.lost.at, s.part.until))
	if !ok || s.lost.by != "heartbeat" {
		s.part.check("a point in time", true, "left out: the backup is too new, its log is not archived or received yet, or there is no heartbeat, for a moment between the two")
		return nil
	}
	if err := s.recover(ctx, at.Format("2006-01-02 15:04:05.000000Z07:00")); err != nil {
		return err
	}
	if err := s.findHeartbeat(ctx); err != nil {
		return err
	}
	ok, detail := onTime(at, s.restored, s.Settings.Backup.Heartbeat)
	s.part.check("a point in time", ok, detail)
	s.db = ""
	return recovery.Remove(ctx, s.Engine, s.copyName())
}

// sooner is the last moment that can be asked for: what was written after the log's last
// piece, archived or received, is not at hand yet, a moment after a backup least of all.
func sooner(beat, until time.Time) time.Time {
	if until.IsZero() || beat.Before(until) {
		return beat
	}
	return until
}

// between is the middle of two moments, if they are far enough apart to tell.
func between(from, to time.Time) (time.Time, bool) {
	if to.Sub(from) < 2*time.Second {
		return time.Time{}, false
	}
	return from.Add(to.Sub(from) / 2).UTC(), true
}

func onTime(at time.Time, restored *time.Time, every time.Duration) (bool, string) {
	if restored == nil {
		return false, "there is no heartbeat in what came back"
	}
	detail := fmt.Sprintf("asked for %s, what came back is as of %s", at.Format(time.RFC3339Nano), restored.Format(time.RFC3339Nano))
	return !restored.After(at) && at.Sub(*restored) <= 2*every+pitTolerance, detail
}

func (s *scratch) replay(ctx context.Context) error {
	// The archive goes on while a drill is under way: what would be lost is asked for when what
	// there is of it is taken.
	if now := s.newest(ctx); now.by == "heartbeat" {
		s.lost = now
	}
	if err := s.recover(ctx, backup.Latest); err != nil {
		return err
	}
	s.part.check("restore", true, "the newest backup, and all of the log that was archived after it")
	return nil
}

// findHeartbeat reads the heartbeat of what came back.
func (s *scratch) findHeartbeat(ctx context.Context) error {
	text, err := s.service(ctx, "heartbeat")
	if err != nil {
		return err
	}
	s.restored = nil
	if err := json.Unmarshal([]byte(strings.TrimSpace(text)), &s.restored); err != nil {
		return fmt.Errorf("reading the restored heartbeat: %w", err)
	}
	if s.restored == nil && s.lost.by == "heartbeat" {
		return errors.New("the live database has a heartbeat, and what came back has none")
	}
	return nil
}
