package backup

import (
	"slices"
	"time"

	"drydock/internal/backup/physical"
	"drydock/internal/backup/schedule"
	"drydock/internal/backup/store"
)

// found makes a schedule's Newest of a choice among the backups that there are: one that a
// person or a deploy made is as good as one that the clock made.
func (s *Service) found(choose func([]store.Backup) (store.Backup, bool)) func() (schedule.Found, bool) {
	return func() (schedule.Found, bool) {
		list, err := s.Store.List()
		if err != nil {
			s.Log.Error("looking for backups that others made", "error", err.Error())
			return schedule.Found{}, false
		}
		b, ok := choose(list)
		return schedule.Found{
			Result: schedule.Result{Backup: b.ID, Size: b.OnDisk}, At: b.Finished, Took: time.Duration(b.Seconds * float64(time.Second)),
		}, ok
	}
}

// newestDump is the newest good dump of a database. The list is the oldest first.
func newestDump(list []store.Backup, database string) (store.Backup, bool) {
	for _, b := range slices.Backward(list) {
		if b.Kind == store.KindDump && b.Database == database && b.Good() {
			return b, true
		}
	}
	return store.Backup{}, false
}

// newestCopies is the newest good physical backup of a level, or of one that holds more; with
// several repositories that of the one which has waited longest, since a run makes one in each.
func newestCopies(list []store.Backup, level string, repos []physical.Repo) (oldest store.Backup, ok bool) {
	levels := []string{store.LevelFull, store.LevelDifferential, store.LevelIncremental}
	levels = levels[:slices.Index(levels, level)+1]
	for i, r := range repos {
		var newest store.Backup
		for _, b := range list {
			if b.Kind == store.KindPhysical && b.Repository == r.Name && b.Good() && slices.Contains(levels, b.Level) && b.Finished.After(newest.Finished) {
				newest = b
			}
		}
		if newest.ID == "" {
			return store.Backup{}, false
		}
		if i == 0 || newest.Finished.Before(oldest.Finished) {
			oldest = newest
		}
	}
	return oldest, len(repos) > 0
}
