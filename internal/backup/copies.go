package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"drydock/internal/backup/physical"
	"drydock/internal/backup/retain"
	"drydock/internal/backup/schedule"
	"drydock/internal/backup/store"
	"drydock/internal/run"
)

// Physical is what the environment says about copies of the files and the log's archive.
type Physical struct {
	Repos             []physical.Repo // none: they are off
	Full, Diff, Incr  *schedule.Line  // nil is never
	Chains            int
	Alarm             time.Duration // after which log that waits is told
	Keep              int64         // bytes of log that may wait before it is let go
	Version           string        // major version of PostgreSQL here
	Data, Shared, Tmp string        // the database's files, the folder shared with it, one of our own
}

// errOff says why there is nothing.
var errOff = run.WithCode(run.CodeBadInput, errors.New("physical backups are off: BACKUP_PHYSICAL is false, or POSTGRES_IMAGE is an image of your own, which has no pgBackRest; dumps are made as ever"))

// repo is the repository of a name, if there is one now.
func (p Physical) repo(name string) (physical.Repo, bool) {
	i := slices.IndexFunc(p.Repos, func(r physical.Repo) bool { return r.Name == name })
	if i < 0 {
		return physical.Repo{}, false
	}
	return p.Repos[i], true
}

// detailsOf is what a record keeps of a physical backup.
func detailsOf(b store.Backup) (c physical.Backup, ok bool) {
	return c, b.Kind == store.KindPhysical && json.Unmarshal(b.Details, &c) == nil && c.Label != ""
}

// Copy makes a physical backup in each repository, the local one first. What went wrong
// with one does not keep the other from being made.
func (s *Service) Copy(ctx context.Context, level string) ([]store.Backup, error) {
	if len(s.Config.Physical.Repos) == 0 {
		return nil, errOff
	}
	return s.copyAll(ctx, level, nil)
}

// copyAll leaves out the repositories that have theirs.
func (s *Service) copyAll(ctx context.Context, level string, have []store.Backup) (made []store.Backup, err error) {
	for _, r := range s.Config.Physical.Repos {
		if slices.ContainsFunc(have, func(b store.Backup) bool { return b.Repository == r.Name }) {
			continue
		}
		b, oneErr := s.copyTo(ctx, r, level)
		if oneErr == nil {
			made = append(made, b)
		}
		err = errors.Join(err, oneErr)
	}
	return made, err
}

func (s *Service) copyTo(ctx context.Context, r physical.Repo, level string) (b store.Backup, err error) {
	adoptErr := s.adopt(ctx, r)
	w, err := s.begin(ctx, store.Spec{
		Kind: store.KindPhysical, Repository: r.Name, Level: level, Zone: s.Config.Zone.String(), External: true, Holder: "backup:" + level,
	})
	if err != nil {
		return b, err
	}
	if adoptErr != nil {
		return b, errors.Join(adoptErr, w.Abort(adoptErr))
	}
	made, info, err := s.makeIn(ctx, r, level)
	if err != nil {
		return b, errors.Join(err, w.Abort(err))
	}
	b, err = s.publish(ctx, w, r, info, made)
	if err == nil && r.Name == physical.Local {
		err = s.mended(made)
	}
	return b, err
}

// makeIn has pgBackRest make one. A link is never added to a chain that is damaged.
func (s *Service) makeIn(ctx context.Context, r physical.Repo, level string) (physical.Backup, physical.Info, error) {
	if err := r.Prepare(ctx); err != nil {
		return physical.Backup{}, physical.Info{}, err
	}
	if level != store.LevelFull {
		broken, err := s.newestBroken(r.Name)
		if err != nil {
			return physical.Backup{}, physical.Info{}, err
		}
		if broken {
			s.Log.Warn("the newest chain is damaged: making a full backup", "repository", r.Name)
			level = store.LevelFull
		}
	}
	made, info, err := r.Make(ctx, level, r.Name == physical.Local)
	if err == nil && r.Name != physical.Local {
		_, err = s.relay(ctx, r)
	}
	return made, info, err
}

func (s *Service) newestBroken(repository string) (bool, error) {
	list, err := s.Store.List()
	if err != nil {
		return false, err
	}
	for i := len(list) - 1; i >= 0; i-- {
		if b := list[i]; b.Kind == store.KindPhysical && b.Repository == repository {
			if !b.Good() {
				return true, nil
			}
			if b.Level == store.LevelFull {
				return false, nil
			}
		}
	}
	return false, nil
}

// publish records a backup that is in the repository, once the log that it needs is, too.
func (s *Service) publish(ctx context.Context, w *store.Writer, r physical.Repo, info physical.Info, b physical.Backup) (store.Backup, error) {
	list, err := s.Store.List()
	if err != nil {
		return store.Backup{}, errors.Join(err, w.Abort(err))
	}
	parent := ""
	if b.Prior != "" {
		parent = idOf(list, r.Name, b.Prior)
	}
	kept, err := json.Marshal(b)
	if err != nil {
		return store.Backup{}, errors.Join(err, w.Abort(err))
	}
	return w.Commit(ctx, store.Done{
		Details: kept, Level: physical.LevelOf(b.Type), Parent: &parent, Size: b.Size, OnDisk: b.Stored,
		Verify: func(ctx context.Context, _ string, _ []store.File) error {
			archive, err := r.Archive(ctx, info.Cluster(b.Cluster))
			if err != nil {
				return err
			}
			if !archive.Window(b).Whole {
				return fmt.Errorf("the log from %s to %s, without which it is not consistent, is not all in repository %s", b.StartWAL, b.StopWAL, r.Name)
			}
			return nil
		},
	})
}

func idOf(list []store.Backup, repository, label string) string {
	for _, b := range list {
		if c, ok := detailsOf(b); ok && c.Label == label && b.Repository == repository {
			return b.ID
		}
	}
	return ""
}

// adopt records what is in a repository without a record: made by a process that died before
// it wrote one, or by another machine.
func (s *Service) adopt(ctx context.Context, r physical.Repo) error {
	info, err := r.Info(ctx)
	if err != nil {
		return err
	}
	for _, b := range info.Backups {
		list, err := s.Store.List()
		if err != nil {
			return err
		}
		if idOf(list, r.Name, b.Label) != "" || b.Prior != "" && idOf(list, r.Name, b.Prior) == "" {
			continue
		}
		archive, err := r.Archive(ctx, info.Cluster(b.Cluster))
		if err != nil {
			return err
		}
		if !archive.Window(b).Whole {
			continue // its log never came; nothing can be restored from it
		}
		w, err := s.begin(ctx, store.Spec{
			Kind: store.KindPhysical, Repository: r.Name, Level: physical.LevelOf(b.Type), Zone: s.Config.Zone.String(), External: true, Holder: "finding backups",
		})
		if err != nil {
			return err
		}
		if _, err := s.publish(ctx, w, r, info, b); err != nil {
			return err
		}
		s.Log.Warn("found a backup without a record", "repository", r.Name, "label", b.Label)
	}
	return nil
}

// relay passes the log on to another repository than the local one.
func (s *Service) relay(ctx context.Context, to physical.Repo) (int, error) {
	from, ok := s.Config.Physical.repo(physical.Local)
	if !ok {
		return 0, nil
	}
	return physical.Relay(ctx, from, to, s.Config.Physical.Tmp)
}

// mended forgets the log that was let go before a backup began.
func (s *Service) mended(b physical.Backup) error {
	drops, err := physical.Dropped(s.Config.Physical.Shared)
	if err != nil || len(drops) == 0 || !drops[len(drops)-1].At.Before(b.Start) {
		return err
	}
	return physical.Mended(s.Config.Physical.Shared)
}

// Adopt gives the repositories to the database that is there now, on a person's word.
func (s *Service) Adopt(ctx context.Context) error {
	if len(s.Config.Physical.Repos) == 0 {
		return errOff
	}
	for _, r := range s.Config.Physical.Repos {
		if err := r.Adopt(ctx); err != nil {
			return err
		}
	}
	return nil
}

// copyPolicy is the retention of physical backups: of chains.
func (s *Service) copyPolicy() retain.Policy {
	return retain.Policy{Last: max(s.Config.Physical.Chains, 1), Zone: s.Config.Policy.Zone}
}

// removeCopy removes one. The record goes first: killed after that, the backup is found without
// one, and retention decides again.
func (s *Service) removeCopy(ctx context.Context, id string) error {
	b, err := s.Store.Get(id)
	if err != nil {
		return err
	}
	c, ok := detailsOf(b)
	if err := s.Store.Remove(ctx, id); err != nil || !ok {
		return err
	}
	r, ok := s.Config.Physical.repo(b.Repository)
	if !ok {
		return nil
	}
	return r.Remove(ctx, c.Label)
}
