package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"drydock/internal/aside"
)

// Done is what is known when the tools have ended.
type Done struct {
	// Verify decides whether what lies in dir is a good backup. It is called after
	// everything was synced and read back, which gave files, and must not change it. An error
	// means that the backup never comes to be. It is required: nothing unverified is published.
	Verify func(ctx context.Context, dir string, files []File) error

	Tools   map[string]string // versions, e.g. "pg_dump": "17.6"
	Details json.RawMessage   // anything that the kind wants to keep with the record
	Level   string            // if it came out otherwise than asked: pgBackRest makes a full one where none was
	Parent  *string           // the same
	Size    int64             // of an external backup; else it is measured
	OnDisk  int64             // of an external backup; else it is measured
}

// Commit makes the backup durable, verifies and publishes it. After an error there is
// none: it was taken away and recorded as a failure.
func (w *Writer) Commit(ctx context.Context, done Done) (Backup, error) {
	if w.ended {
		return Backup{}, errors.New("publishing a backup: it was published or broken off before")
	}
	if err := w.prepare(ctx, done); err != nil {
		err = w.s.wrap(fmt.Sprintf("backup %s (%s)", w.record.ID, w.record.Kind), err)
		return Backup{}, errors.Join(err, w.Abort(err))
	}
	final := w.s.path(backupsDir, w.record.ID)
	if err := os.Rename(w.partial, final); err != nil {
		err = w.s.wrap("publishing backup "+w.record.ID, err)
		return Backup{}, errors.Join(err, w.Abort(err))
	}
	w.s.step("renamed")
	// From here on it is published, and may be used or even removed by others. What follows
	// makes it durable, and a failure of that is reported, but takes nothing away that a
	// reader may have seen.
	err := w.dir.Close()
	w.dir = nil
	err = errors.Join(err, aside.SyncDir(w.s.path(backupsDir)))
	w.s.step("published")
	err = errors.Join(err, w.s.locked(context.WithoutCancel(ctx), func() error {
		if there, err := exists(final); err != nil || !there {
			return err
		}
		return writeEnvelope(w.s.path(indexDir, w.record.ID+".json"), w.record)
	}))
	w.s.step("indexed")
	err = errors.Join(err, w.release())
	w.s.step("unlocked")
	if err != nil {
		err = fmt.Errorf("backup %s is published, but: %w", w.record.ID, w.s.wrap("making that durable", err))
	}
	return Backup{Record: w.record}, err
}

// prepare does everything up to the rename.
func (w *Writer) prepare(ctx context.Context, done Done) error {
	if done.Verify == nil {
		return errors.New("nothing verifies it; a backup that nobody checked is not published")
	}
	w.s.step("written")
	w.record.Tools, w.record.Details = done.Tools, done.Details
	if done.Level != "" {
		w.record.Level = done.Level
	}
	if done.Parent != nil {
		w.record.Parent = *done.Parent
	}
	if err := w.s.checkParent(w.record); err != nil {
		return err
	}
	if err := syncTree(ctx, w.Dir(), w.s.step); err != nil {
		return fmt.Errorf("writing it to the disk: %w", err)
	}
	files, onDisk, err := hashTree(ctx, w.Dir())
	if err != nil {
		return fmt.Errorf("reading it back: %w", err)
	}
	w.s.step("hashed")
	if w.original != nil && !slices.Equal(files, w.original.Files) {
		return fmt.Errorf("its files are not those of its record")
	}
	w.record.Files, w.record.Size, w.record.OnDisk = files, 0, onDisk
	for _, f := range files {
		w.record.Size += f.Size
	}
	switch {
	case w.record.External && len(files) > 0:
		return fmt.Errorf("it is kept elsewhere, and yet %d files were written here", len(files))
	case w.record.External:
		w.record.Size, w.record.OnDisk = done.Size, done.OnDisk
	case w.record.Size == 0:
		return errors.New("it is empty: no file with any content was written")
	}
	if err := done.Verify(ctx, w.Dir(), files); err != nil {
		return fmt.Errorf("verifying it: %w", err)
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	now := w.s.now()
	finished := now.UTC()
	w.record.Verified = &finished
	if w.original == nil {
		w.record.Finished, w.record.Seconds = finished, now.Sub(w.started).Seconds()
	}
	w.s.step("verified")
	if err := writeEnvelope(w.recordPath(), w.record); err != nil {
		return fmt.Errorf("recording it: %w", err)
	}
	w.s.step("recorded")
	return nil
}

// checkParent makes sure that a chain is whole when a link is added to it.
func (s *Store) checkParent(r Record) error {
	if r.Level == LevelFull {
		if r.Parent != "" {
			return fmt.Errorf("it is a full one, and yet it names %s as its parent", r.Parent)
		}
		return nil
	}
	if r.Parent == "" {
		return fmt.Errorf("it is %s, but names no parent", r.Level)
	}
	parent, err := s.Get(r.Parent)
	if err != nil {
		return fmt.Errorf("its parent: %w", err)
	}
	if parent.Damaged != nil {
		return fmt.Errorf("its parent %s is damaged (%s): make a full backup", parent.ID, parent.Damaged.Reason)
	}
	return nil
}
