package backup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"drydock/internal/backup/physical"
	"drydock/internal/run"
)

// Latest is the word for "all of the log".
const Latest = "latest"

// FetchOptions say what to fetch, and where to.
type FetchOptions struct {
	ID         string // of a physical backup, or pgBackRest's label: the state at its end, or with At a start for it
	At         string // a time with its offset, or Latest; "" without an ID is Latest
	Repository string // "" is the first that can do it
	Dir        string // an empty folder; "" only decides, and refuses
}

// Fetch puts a physical backup and the log that leads to the target into an empty folder, on
// which a server can be started (see physical.Fetch).
func (s *Service) Fetch(ctx context.Context, o FetchOptions) (physical.Fetched, error) {
	if len(s.Config.Physical.Repos) == 0 {
		return physical.Fetched{}, errOff
	}
	label := o.ID
	if o.ID != "" && !physical.IsLabel(o.ID) {
		b, err := s.Store.Get(o.ID)
		if err != nil {
			return physical.Fetched{}, err
		}
		c, ok := detailsOf(b)
		if !ok {
			return physical.Fetched{}, run.WithCode(run.CodeBadInput, fmt.Errorf("restoring %s: it is a backup of kind %s, and not a physical one; `backup:list` shows them", o.ID, b.Kind))
		}
		if !b.Good() {
			return physical.Fetched{}, run.WithCode(run.CodeBadInput, fmt.Errorf("restoring %s: it is damaged (%s); choose another one, `backup:list` shows them", b.ID, b.Damaged.Reason))
		}
		label, o.Repository = c.Label, b.Repository
	}
	var errs []error
	for _, r := range s.Config.Physical.Repos {
		if o.Repository != "" && o.Repository != r.Name {
			continue
		}
		target, version, err := s.target(ctx, r, label, o.At)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		f := r.FetchedOf(target, version)
		if o.Dir != "" {
			if f, err = r.Fetch(ctx, target, version, physical.FetchOptions{Dir: o.Dir, Jobs: s.Config.Jobs, Log: s.said}); err != nil {
				return f, err
			}
			err = s.complete(ctx, r, o.Dir, target)
		}
		return s.named(f), err
	}
	if len(errs) == 0 {
		return physical.Fetched{}, run.WithCode(run.CodeBadInput, fmt.Errorf("there is no repository %q; there are local and, if BACKUP_S3_ENDPOINT is set, s3", o.Repository))
	}
	return physical.Fetched{}, errors.Join(errs...)
}

// named adds what a person knows the backup by, and shows its time where the service lives.
func (s *Service) named(f physical.Fetched) physical.Fetched {
	if list, err := s.Store.List(); err == nil { // the label is a name, too
		f.ID = idOf(list, f.Repository, f.Label)
	}
	if !f.Until.IsZero() {
		f.Until = f.Until.In(s.Config.Zone)
	}
	return f
}

// target decides how to get there in one repository.
func (s *Service) target(ctx context.Context, r physical.Repo, label, at string) (t physical.Target, version string, err error) {
	info, err := r.Info(ctx)
	if err != nil {
		return t, "", err
	}
	backups, err := s.goodIn(r, info)
	if err != nil {
		return t, "", err
	}
	if label != "" {
		b, ok := info.Backup(label)
		if !ok {
			return t, "", run.WithCode(run.CodeBadInput, fmt.Errorf("there is no backup %s in repository %s; `backup:list` shows what there is", label, r.Name))
		}
		backups = []physical.Backup{b}
	}
	archives, err := s.archives(ctx, r, info, backups)
	if err != nil {
		return t, "", err
	}
	switch {
	case label != "" && at == "":
		t, err = physical.Exactly(backups[0], archives[backups[0].Cluster])
	case at == "" || at == Latest:
		var ok bool
		if t, ok = physical.Latest(backups, archives); !ok {
			err = run.WithCode(run.CodeBadInput, fmt.Errorf("there is no good physical backup in repository %s to restore; make one: backup:full", r.Name))
		}
	default:
		var when time.Time
		if when, err = physical.ParseTime(at); err == nil {
			t, err = physical.Choose(backups, archives, when, s.Config.Zone)
		}
	}
	if err != nil {
		return t, "", err
	}
	version = info.Cluster(t.Backup.Cluster).Version
	if here := s.Config.Physical.Version; here != "" && version != here {
		return t, "", run.WithCode(run.CodeBadInput, fmt.Errorf("restoring %s: it is of PostgreSQL %s and this is %s, which cannot read it; use the images of then (PG_MAJOR=%s), or restore a dump", t.Backup.Label, version, here, version))
	}
	return t, version, nil
}

// goodIn are the backups that nothing bad is known of.
func (s *Service) goodIn(r physical.Repo, info physical.Info) (good []physical.Backup, err error) {
	list, err := s.Store.List()
	if err != nil {
		return nil, err
	}
	bad := map[string]bool{}
	for _, b := range list {
		if c, ok := detailsOf(b); ok && b.Repository == r.Name && !b.Good() {
			bad[c.Label] = true
		}
	}
	for _, b := range info.Backups {
		if bad[b.Prior] {
			bad[b.Label] = true // oldest first, so this goes through the chain
		}
		if !bad[b.Label] {
			good = append(good, b)
		}
	}
	return good, nil
}
