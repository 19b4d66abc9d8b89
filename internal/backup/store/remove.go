package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"drydock/internal/aside"
	"drydock/internal/flock"
	"drydock/internal/run"
)

// NeededError is a backup that another one cannot be restored without.
type NeededError struct {
	ID       string
	Children []string
}

func (e *NeededError) Error() string {
	return fmt.Sprintf("backup %s is needed by %s: remove those first", e.ID, strings.Join(e.Children, ", "))
}

// ExitCode says that an argument is wrong.
func (e *NeededError) ExitCode() int { return run.CodeBadInput }

// Remove takes one backup out of the list, at once and whole, and then deletes it. Killed
// in the middle, nothing is listed and the next Begin goes on. It refuses one that another
// backup needs (*NeededError) and one that is in use (*BusyError).
func (s *Store) Remove(ctx context.Context, id string) error {
	doing := "removing backup " + id
	if err := s.writable(doing); err != nil {
		return err
	}
	var held *os.File
	err := s.locked(ctx, func() error {
		all, err := s.List()
		if err != nil {
			return err
		}
		b, err := s.Get(id)
		if err != nil {
			return err
		}
		id = b.ID
		var children []string
		for _, other := range all {
			if other.Parent == id {
				children = append(children, other.ID)
			}
		}
		if len(children) > 0 {
			return &NeededError{ID: id, Children: children}
		}
		dir := s.path(backupsDir, id)
		if there, err := exists(dir); err != nil || !there {
			return err // lost before: finishRemoval forgets it
		}
		if held, err = s.tryDir(dir, flock.Exclusive); err != nil {
			return err
		}
		if held == nil {
			return &BusyError{Lock: "backup " + id, Holder: Holder{}}
		}
		s.step("held")
		if err := os.Rename(dir, s.path(trashDir, id)); err != nil {
			return err
		}
		s.step("trashed")
		return errors.Join(aside.SyncDir(s.path(backupsDir)), aside.SyncDir(s.path(trashDir)))
	})
	if err == nil {
		err = s.finishRemoval(ctx, id)
	}
	if held != nil {
		err = errors.Join(err, held.Close())
	}
	return s.wrap(doing, err)
}

// finishRemoval forgets the index's copy, then deletes: see [Store.lost] for the order.
// A removal that was decided is not broken off by the context: it would only wait for the
// next Begin.
func (s *Store) finishRemoval(_ context.Context, id string) error {
	if err := os.Remove(s.path(indexDir, id+".json")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	s.step("forgotten")
	if err := aside.SyncDir(s.path(indexDir)); err != nil {
		return err
	}
	if err := os.RemoveAll(s.path(trashDir, id)); err != nil {
		return err
	}
	s.step("deleted")
	return aside.SyncDir(s.path(trashDir))
}
