package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"drydock/internal/flock"
)

// Reclaim takes away what processes left that died: backups that were being written,
// which it records as failures, and removals in the middle. What a living process works
// on is left alone. It returns the ids.
func (s *Store) Reclaim(ctx context.Context) (ids []string, err error) {
	if err := s.writable("cleaning up the repository"); err != nil {
		return nil, err
	}
	err = s.reclaim(ctx, &ids)
	return ids, s.wrap("taking away what a dead process left in the repository", err)
}

func (s *Store) reclaim(ctx context.Context, done *[]string) error {
	partial, err := s.names(backupsDir, partialPrefix, "")
	if err != nil {
		return err
	}
	for _, id := range partial {
		if err := s.reclaimOne(ctx, s.path(backupsDir, partialPrefix+id), done, id, s.reclaimPartial); err != nil {
			return err
		}
	}
	trash, err := s.names(trashDir, "", "")
	if err != nil {
		return err
	}
	for _, id := range trash {
		if err := s.reclaimOne(ctx, s.path(trashDir, id), done, id, s.finishRemoval); err != nil {
			return err
		}
	}
	return s.locked(ctx, s.reclaimSmall)
}

// reclaimOne does it to a folder that nobody holds.
func (s *Store) reclaimOne(ctx context.Context, path string, done *[]string, id string, do func(context.Context, string) error) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	var d *os.File
	// The state lock, because Begin makes the folder and holds it under that.
	err := s.locked(ctx, func() (err error) {
		d, err = s.tryDir(path, flock.Exclusive)
		return err
	})
	if err != nil || d == nil {
		return err
	}
	err = do(ctx, id)
	if err == nil {
		*done = append(*done, id)
	}
	return errors.Join(err, d.Close())
}

func (s *Store) reclaimPartial(ctx context.Context, id string) error {
	path := s.path(backupsDir, partialPrefix+id)
	if err := emptyPartial(path, true); err != nil {
		return err
	}
	s.step("emptied")
	r, err := readRecord(filepath.Join(path, recordFile), id)
	if err == nil { // else it died before it was begun: there is nothing to tell
		reason := fmt.Sprintf("the process that made it on %s ended in the middle (killed, or the machine went down)", r.Host)
		if err := s.locked(ctx, func() error { return s.fail(r, reason) }); err != nil {
			return err
		}
	}
	s.step("failed")
	return os.RemoveAll(path)
}

// emptyPartial deletes everything but, if told so, the record: it is what tells the
// failure if this is broken off as well.
func emptyPartial(path string, keepRecord bool) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if keepRecord && e.Name() == recordFile {
			continue
		}
		err = errors.Join(err, os.RemoveAll(filepath.Join(path, e.Name())))
	}
	return err
}

// reclaimSmall needs the state lock: under it nobody is writing a small file aside, so
// what lies there half written is dead. It also writes the index where a process died
// between publishing and that.
func (s *Store) reclaimSmall() error {
	ids, err := s.names(backupsDir, "", "")
	if err != nil {
		return err
	}
	places := []string{s.root, s.path(indexDir), s.path(failuresDir)}
	for _, id := range ids {
		places = append(places, s.path(backupsDir, id))
	}
	for _, dir := range places {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if n := e.Name(); e.Type().IsRegular() && (strings.HasPrefix(n, ".") && strings.Contains(n, ".json-") || strings.HasPrefix(n, "."+counterFile+"-")) {
				if err := os.Remove(filepath.Join(dir, n)); err != nil {
					return err
				}
			}
		}
	}
	for _, id := range ids {
		index := s.path(indexDir, id+".json")
		if there, err := exists(index); err != nil || there {
			if err != nil {
				return err
			}
			continue
		}
		if r, err := readRecord(s.path(backupsDir, id, recordFile), id); err == nil {
			if err := writeEnvelope(index, r); err != nil {
				return err
			}
		}
	}
	return nil
}
