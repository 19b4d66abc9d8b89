package backup

import (
	"context"

	"drydock/internal/backup/schedule"
	"drydock/internal/backup/store"
)

// copyJobs are the physical backups that the clock makes. They share the group of the dumps:
// two things at a time would make the site slow. A full one comes first when several are due.
func (s *Service) copyJobs() (jobs []schedule.Job) {
	p := s.Config.Physical
	for _, j := range []struct {
		level string
		line  *schedule.Line
	}{{store.LevelFull, p.Full}, {store.LevelDifferential, p.Diff}, {store.LevelIncremental, p.Incr}} {
		if j.line == nil {
			continue
		}
		var made []store.Backup // of one run, over its attempts
		jobs = append(jobs, schedule.Job{
			Name: j.level, Line: *j.line, Group: "database", Wait: true,
			Timeout: dumpTimeout, Attempts: attempts, Backoff: firstBackoff, Grace: overdueAfter,
			Newest: s.found(func(list []store.Backup) (store.Backup, bool) { return newestCopies(list, j.level, p.Repos) }),
			Do: func(ctx context.Context, run schedule.Run) (schedule.Result, error) {
				if run.Attempt == 1 {
					made = nil
				}
				more, err := s.copyAll(ctx, j.level, made) // what succeeded is not made again
				if made = append(made, more...); err != nil {
					return schedule.Result{}, s.masked(err)
				}
				if _, err := s.Prune(ctx, false); err != nil {
					s.Log.Error("old backups could not be removed", "error", s.masked(err).Error())
				}
				return schedule.Result{Backup: made[0].ID, Size: made[0].OnDisk}, nil
			},
		})
	}
	return jobs
}
