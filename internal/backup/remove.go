package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"drydock/internal/backup/physical"
	"drydock/internal/backup/store"
	"drydock/internal/run"
)

// Remove takes one backup away on a person's word, where retention would not: a damaged one
// that is not needed for a look any more, or to have space on a full disk. It refuses what
// would be missed: the newest good one of its kind, the newest that a drill proved, and one
// that others are built on. With dryRun it only refuses.
func (s *Service) Remove(ctx context.Context, id string, dryRun bool) (store.Backup, error) {
	if id == "" {
		return store.Backup{}, run.WithCode(run.CodeBadInput, errors.New("removing a backup: say which one: BACKUP=id; `backup:list` shows them"))
	}
	b, err := s.Store.Get(id)
	if err != nil {
		return b, err
	}
	list, err := s.Store.List()
	if err != nil {
		return b, err
	}
	if why := missed(list, b); why != "" {
		return b, run.WithCode(run.CodeBadInput, fmt.Errorf("removing backup %s: %s", b.ID, why))
	}
	if dryRun {
		return b, nil
	}
	if b.Kind == store.KindPhysical {
		return b, s.removeCopy(ctx, b.ID)
	}
	return b, s.Store.Remove(ctx, b.ID)
}

// Gone is the word, in the place of an id, for all physical backups that their repository does not have any more.
const Gone = "gone"

// notThere is what is wrong with such a backup.
const notThere = "it is not in the repository any more (BACKUP=gone backup:remove takes such away)"

// RemoveGone takes away the records of physical backups whose repository does not have them: it is another
// folder now, or another key opens it. Nothing but records is lost, and backups that are found in a
// repository get theirs anew. It returns whose went, or with dryRun would go.
func (s *Service) RemoveGone(ctx context.Context, dryRun bool) (removed []store.Backup, err error) {
	list, err := s.Store.List()
	if err != nil {
		return nil, err
	}
	for _, r := range s.Config.Physical.Repos {
		info, err := r.Info(ctx)
		if err != nil {
			return removed, err
		}
		for _, b := range gone(list, r.Name, info) {
			if !dryRun {
				if err := s.Store.Remove(ctx, b.ID); err != nil {
					return removed, err
				}
			}
			removed = append(removed, b)
		}
	}
	return removed, nil
}

// gone are the backups that a repository had, the newest first, so that none goes before what is built on it. It is pure.
// Of a repository in which nothing was ever made nobody knows whether it is the right one.
func gone(list []store.Backup, repository string, info physical.Info) (lost []store.Backup) {
	if !info.Exists {
		return nil
	}
	lost = notIn(list, repository, info)
	slices.Reverse(lost)
	return lost
}

// notIn are the backups of a repository that it does not have, in the order of the list.
func notIn(list []store.Backup, repository string, info physical.Info) (lost []store.Backup) {
	for _, b := range list {
		if c, ok := detailsOf(b); ok && b.Repository == repository {
			if _, there := info.Backup(c.Label); !there {
				lost = append(lost, b)
			}
		}
	}
	return lost
}

// missed says why a backup must stay; "" when nobody needs it. The list is oldest first.
func missed(list []store.Backup, b store.Backup) string {
	var needing []string
	for _, other := range list {
		if other.Parent == b.ID {
			needing = append(needing, other.ID)
		}
	}
	if len(needing) > 0 {
		return (&store.NeededError{ID: b.ID, Children: needing}).Error()
	}
	if !b.Good() {
		return ""
	}
	last := func(of func(store.Backup) bool) bool {
		for _, other := range slices.Backward(list) {
			if other.Kind == b.Kind && other.Database == b.Database && other.Repository == b.Repository && other.Good() && of(other) {
				return other.ID == b.ID
			}
		}
		return false
	}
	if last(func(store.Backup) bool { return true }) {
		return "it is the newest good one of its kind; make another one first"
	}
	if last(func(o store.Backup) bool { return o.Proven() != nil }) {
		return "it is the newest one that a drill has proven; prove another one first: backup:restoreDrill"
	}
	return ""
}
