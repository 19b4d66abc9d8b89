package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
