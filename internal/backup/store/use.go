package store

import (
	"fmt"
	"os"

	"drydock/internal/flock"
)

// Use is a backup that is being read: it cannot be removed meanwhile.
type Use struct {
	Backup Backup
	Dir    string // its files; empty of an external one
	d      *os.File
}

// Use protects a backup while it is restored, verified or copied. Close ends it.
func (s *Store) Use(id string) (*Use, error) {
	b, err := s.Get(id)
	if err != nil {
		return nil, err
	}
	d, err := s.tryDir(s.path(backupsDir, b.ID), flock.Shared)
	if err != nil {
		return nil, fmt.Errorf("opening backup %s: %w", b.ID, err)
	}
	if d == nil {
		return nil, fmt.Errorf("opening backup %s: it is being removed, or its folder is gone", b.ID)
	}
	u := &Use{Backup: b, d: d}
	if !b.External {
		u.Dir = s.path(backupsDir, b.ID, filesDir)
	}
	return u, nil
}

// Close allows the removal again.
func (u *Use) Close() error { return u.d.Close() }
