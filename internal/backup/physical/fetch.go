package physical

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"drydock/internal/backup/store"
	"drydock/internal/flock"
	"drydock/internal/run"
)

// LogDir is the folder of the log that Fetch puts beside the data, below the data directory.
const LogDir = "drydock-wal"

// Fetched is what lies in the folder now.
type Fetched struct {
	Repository string     `json:"repository"`
	ID         string     `json:"id,omitempty"` // as backup:list shows it
	Label      string     `json:"label"`        // pgBackRest's name for it
	Version    string     `json:"version"`
	Timeline   uint32     `json:"timeline"`
	Target     *time.Time `json:"target,omitempty"` // nil: all of the log, or the end of the backup
	Until      time.Time  `json:"until,omitzero"`   // without a target: how far the backup, or its log, goes
	Segments   int        `json:"segments"`
	Bytes      int64      `json:"bytes"`
}

// FetchedOf is what a target comes to.
func (r Repo) FetchedOf(t Target, version string) Fetched {
	f := Fetched{Repository: r.Name, Label: t.Backup.Label, Version: version, Timeline: t.Window.Timeline, Segments: len(t.Segments) + len(t.Received), Bytes: t.Backup.Size}
	switch {
	case !t.Time.IsZero():
		f.Target = &t.Time
	case t.Now:
		f.Until = t.Backup.Stop
	default:
		f.Until = t.Window.Until
	}
	return f
}

// String names the backup, and the moment that it is restored to.
func (f Fetched) String() string {
	name := f.Label
	if f.ID != "" {
		name = f.ID + " (" + f.Label + ")"
	}
	switch {
	case f.Target != nil:
		return name + " as of " + f.Target.Format(Form)
	case !f.Until.IsZero():
		return name + " as of " + f.Until.Format(Form)
	}
	return name
}

// FetchOptions say where to and how.
type FetchOptions struct {
	Dir  string // an empty folder
	Jobs int
	Log  func(string)
}

// Fetch puts a backup and the log that leads to the target into a folder, ready for a server to
// start on: it comes up as a standby that reads this log, and stops at the target
// (recovery_target_action pause), so that somebody can look before it is promoted. A standby, because
// a server that recovers and finds no commit after the target time ends with an error instead of
// the state at that time. The server needs neither the repository nor its key. What is received
// (Target.Received) is the caller's to add, and then Fill's.
func (r Repo) Fetch(ctx context.Context, t Target, version string, o FetchOptions) (f Fetched, err error) {
	f = r.FetchedOf(t, version)
	release, err := claim(o.Dir)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, release()) }()
	entries, err := os.ReadDir(o.Dir)
	if err != nil {
		return f, err
	}
	for _, e := range entries {
		if e.Name() != "lost+found" {
			return f, run.WithCode(run.CodeBadInput, fmt.Errorf("restoring into %s: it is not empty (%s): nothing is overwritten; take an empty volume", o.Dir, e.Name()))
		}
	}
	if err := r.room(t, o.Dir); err != nil {
		return f, err
	}
	words := []string{"--set=" + t.Backup.Label, "--pg1-path=" + o.Dir, "--type=standby",
		"--target-timeline=" + t.timeline(), "--process-max=" + strconv.Itoa(max(o.Jobs, 1))}
	for _, option := range recovery(t) {
		words = append(words, "--recovery-option="+option)
	}
	o.Log("restoring the files of " + t.Backup.Label + ", " + store.Bytes(t.Backup.Size))
	if _, err := r.call(ctx, "restore", words...); err != nil {
		return f, err
	}
	if err := t.follow(o.Dir); err != nil {
		return f, err
	}
	o.Log(fmt.Sprintf("fetching %d segments of the log", len(t.Segments)))
	return f, r.fetchLog(ctx, t, o)
}

// claim has the folder for one restore alone: another one that also found it empty would mix its
// files with these. The lock is on the folder itself, in which there must be no file, and ends
// with the process.
func claim(dir string) (release func() error, err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, run.WithCode(run.CodeBadInput, fmt.Errorf("restoring into %s: %w; mount an empty volume there", dir, err))
	}
	free, err := flock.Try(f, flock.Exclusive)
	if err == nil && !free {
		err = run.WithCode(run.CodeBusy, fmt.Errorf("restoring into %s: another restore is filling it; wait for that one, or take another empty volume", dir))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}

// recovery are the settings of the server that recovers.
func recovery(t Target) []string {
	list := []string{
		`restore_command=test -f "` + DataDir + "/" + LogDir + `/%f.zst" && zstd -dqf "` + DataDir + "/" + LogDir + `/%f.zst" -o "%p"`,
		"recovery_target_action=pause",
	}
	switch {
	case !t.Time.IsZero():
		list = append(list, "recovery_target_time="+t.Time.UTC().Format("2006-01-02 15:04:05.999999")+"+00")
	case t.Now:
		list = append(list, "recovery_target=immediate")
	}
	return list
}

// timeline is what pgBackRest is to follow. It looks into the history of it, and refuses what does
// not lead on from the backup.
func (t Target) timeline() string {
	if id := t.Window.Timeline; slices.Contains(t.Histories, id) {
		return strconv.FormatUint(uint64(id), 10)
	}
	return "current" // the backup's own, until follow
}

// follow sets a timeline whose history pgBackRest does not have: only a receiver does.
func (t Target) follow(dir string) error {
	own, ok := parseSegment(t.Backup.StopWAL)
	if !ok || t.timeline() != "current" || t.Window.Timeline <= own.Timeline {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(dir, "postgresql.auto.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("setting the timeline to follow: %w", err)
	}
	_, err = fmt.Fprintf(f, "recovery_target_timeline = '%d'\n", t.Window.Timeline)
	return errors.Join(err, f.Close())
}

// room refuses before anything is written.
func (r Repo) room(t Target, dir string) error {
	const perSegment = 2 << 20 // compressed, on the average less; a full one is seldom more than a third of 16 MB
	need := t.Backup.Size + int64(len(t.Segments)+len(t.Received))*perSegment + 64<<20
	s, err := store.FreeSpace(dir)
	if err != nil {
		return err
	}
	if s < need {
		return run.WithCode(run.CodeMissing, fmt.Errorf("restoring %s: it needs about %s and %s has %s free: make room, or restore on another host",
			t.Backup.Label, store.Bytes(need), dir, store.Bytes(s)))
	}
	return nil
}

// fetchLog fetches the segments, several at a time, and the histories of the timelines.
func (r Repo) fetchLog(ctx context.Context, t Target, o FetchOptions) error {
	dir := filepath.Join(o.Dir, LogDir)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("fetching the log: %w", err)
	}
	names := append([]string{}, t.Segments...)
	for _, id := range t.Histories {
		names = append(names, fmt.Sprintf("%08X.history", id))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	todo, errs := make(chan string), make([]error, max(o.Jobs, 1))
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			for name := range todo {
				err := r.get(ctx, name, o.Dir)
				if err != nil {
					errs[i] = errors.Join(errs[i], err)
					cancel()
				}
			}
		})
	}
	for _, name := range names {
		select {
		case todo <- name:
		case <-ctx.Done():
		}
	}
	close(todo)
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("fetching the log: %w", err)
	}
	return context.Cause(ctx)
}
