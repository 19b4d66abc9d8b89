package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// Spec is what is known before a backup starts.
type Spec struct {
	Kind       string // KindDump, KindConfig, KindPhysical, or another name of small letters
	Database   string // its true name; empty where it is about none or all
	Repository string // of a physical one: which of pgBackRest's
	Level      string // LevelFull when empty
	Parent     string // the id that this one will need
	Zone       string // IANA name of the schedule's zone, for the record
	External   bool   // the data lies elsewhere (pgBackRest): only a record is kept here
	Expect     int64  // about how many bytes it will take; 0 if nobody knows
	Holder     string // what the lock says, e.g. "backup:dump"

	// Original is the record of a backup that comes back from elsewhere as what it was, id and times
	// included. Its files have to be those of the record.
	Original *Record
}

// LockName is the lock under which backups of a kind are made, one at a time.
func LockName(kind string) string { return "backup-" + kind }

// Writer is a backup that is being written. Exactly one of Commit and Abort ends it;
// an end of the process does as well, and the next Begin cleans up.
type Writer struct {
	s      *Store
	lock   *Lock
	dir    *os.File // holds the folder's lock, which tells the living from the dead
	record Record

	original *Record // of one that comes back; nil: it is new

	partial string
	started time.Time // with the monotonic clock
	ended   bool
}

// Begin takes the lock of the kind, takes away what dead processes left, and makes the
// folder to write into. Call it before the first thing that may fail (connecting, say): a
// failure is only known to retention if it ends a Writer. The error is a *BusyError while another backup of this kind is
// made, and a *NoSpaceError when what is free is less than Expect.
func (s *Store) Begin(ctx context.Context, spec Spec) (_ *Writer, err error) {
	if err := s.writable("starting a backup"); err != nil {
		return nil, err
	}
	if !lockName.MatchString(spec.Kind) {
		return nil, fmt.Errorf("starting a backup: the kind %q does not consist of small letters, digits and '-'", spec.Kind)
	}
	if spec.Level == "" {
		spec.Level = LevelFull
	}
	if spec.Holder == "" {
		spec.Holder = "backup of kind " + spec.Kind
	}
	lock, err := s.Lock(LockName(spec.Kind), spec.Holder)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Unlock())
		}
	}()
	s.step("locked")
	// Reclaiming comes before the question how much is free.
	if _, err := s.Reclaim(ctx); err != nil {
		return nil, err
	}
	s.step("reclaimed")
	if free, err := s.Free(); err != nil {
		return nil, err
	} else if spec.Expect > free {
		return nil, &NoSpaceError{Root: s.root, Need: spec.Expect, Free: free}
	}
	w := &Writer{s: s, lock: lock, started: s.now()}
	w.record = Record{
		Format: recordFormat, Kind: spec.Kind, Database: spec.Database, Repository: spec.Repository,
		Level: spec.Level, Parent: spec.Parent, Zone: spec.Zone, External: spec.External,
		Started: w.started.UTC(), Host: s.host,
	}
	if spec.Original != nil {
		w.original, w.record = spec.Original, *spec.Original
		w.record.Files = nil
	}
	// Under the lock, so that nobody sees the folder before it is held.
	if err := s.locked(ctx, w.create); err != nil {
		return nil, errors.Join(s.wrap("starting a backup", err), w.undo())
	}
	return w, nil
}

func (w *Writer) create() (err error) {
	s := w.s
	if w.original == nil {
		w.record.ID, err = s.newID(w.started)
	} else {
		err = s.free(w.record.ID)
	}
	if err != nil {
		return err
	}
	s.step("numbered")
	w.partial = s.path(backupsDir, partialPrefix+w.record.ID)
	if err := os.Mkdir(w.partial, dirMode); err != nil {
		return err
	}
	s.step("made")
	// Who only looks whether it is alive (Running) holds it for a moment, too: that is waited for.
	if w.dir, err = s.waitDir(w.partial); err != nil {
		return err
	}
	if w.dir == nil {
		return fmt.Errorf("%s was taken away as soon as it was made", w.partial)
	}
	if err := os.Mkdir(w.Dir(), dirMode); err != nil {
		return err
	}
	// What Reclaim tells if this process dies.
	if err := writeEnvelope(w.recordPath(), w.record); err != nil {
		return err
	}
	s.step("begun")
	return nil
}

// free refuses an id that is no id, or taken.
func (s *Store) free(id string) error {
	if !validID(id) {
		return fmt.Errorf("%q is no id of a backup", id)
	}
	for dir, doing := range map[string]string{backupsDir: "here already", trashDir: "being removed: try again when it is gone"} {
		if there, err := exists(s.path(dir, id)); err != nil {
			return err
		} else if there {
			return fmt.Errorf("backup %s is %s", id, doing)
		}
	}
	return nil
}

func (w *Writer) recordPath() string { return w.partial + "/" + recordFile }

// ID is the id that the backup will have.
func (w *Writer) ID() string { return w.record.ID }

// Dir is the folder to write into. It exists and is empty.
func (w *Writer) Dir() string { return w.partial + "/" + filesDir }

// Stale is the holder of the kind's lock that died in the middle, if that is how it ended.
func (w *Writer) Stale() *Holder { return w.lock.Stale }

// Abort takes the backup away and records why it came to nothing. The error says what
// could not be cleaned up; the reason itself is the caller's to return.
func (w *Writer) Abort(reason error) error {
	if w.ended {
		return nil
	}
	w.ended = true
	if reason == nil {
		reason = errors.New("broken off without a reason")
	}
	// The space first: on a full disk the failure could not be recorded otherwise.
	err := emptyPartial(w.partial, true)
	w.s.step("emptied")
	w.record.Finished = w.s.now().UTC()
	w.record.Seconds = w.s.now().Sub(w.started).Seconds()
	// Not on the backup's context: it may be the one that ended.
	clean, cancel := context.WithTimeout(context.Background(), cleanBound)
	defer cancel()
	err = errors.Join(err, w.s.locked(clean, func() error { return w.s.fail(w.record, reason.Error()) }))
	w.s.step("failed")
	return w.s.wrap("taking away the backup that came to nothing", errors.Join(err, w.undo()))
}

// cleanBound is how long the state lock is waited for when cleaning up.
const cleanBound = 10 * time.Second

// undo removes the folder and gives up the locks.
func (w *Writer) undo() error {
	var err error
	if w.partial != "" {
		err = os.RemoveAll(w.partial)
	}
	return errors.Join(err, w.release())
}

func (w *Writer) release() error {
	w.ended = true
	var err error
	if w.dir != nil {
		err = w.dir.Close()
		w.dir = nil
	}
	return errors.Join(err, w.lock.Unlock())
}
