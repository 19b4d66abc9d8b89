package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"drydock/internal/aside"
)

// MarkProven notes that a backup passed a drill.
func (s *Store) MarkProven(ctx context.Context, id string, p Proof) error {
	if p.At.IsZero() {
		p.At = s.now()
	}
	p.At = p.At.UTC()
	return s.mark(ctx, id, func(b *Backup) error {
		if b.Damaged != nil {
			return fmt.Errorf("it is marked as damaged (%s)", b.Damaged.Reason)
		}
		b.Proofs = append(b.Proofs, p)
		slices.SortStableFunc(b.Proofs, func(x, y Proof) int { return x.At.Compare(y.At) })
		return nil
	})
}

// MarkDamaged puts a backup into quarantine. What was found first stays.
func (s *Store) MarkDamaged(ctx context.Context, id, found, reason string) error {
	return s.mark(ctx, id, func(b *Backup) error {
		if b.Damaged == nil {
			b.Damaged = &Damage{At: s.now().UTC(), Found: found, Reason: reason}
		}
		return nil
	})
}

// ClearDamage ends a quarantine, e.g. when the files were brought back from a copy. Only
// a person decides that, after Verify was content.
func (s *Store) ClearDamage(ctx context.Context, id string) error {
	return s.mark(ctx, id, func(b *Backup) error { b.Damaged = nil; return nil })
}

func (s *Store) mark(ctx context.Context, id string, change func(*Backup) error) error {
	if err := s.writable("marking backup " + id); err != nil {
		return err
	}
	err := s.locked(ctx, func() error {
		b, err := s.Get(id)
		if err != nil {
			return err
		}
		dir := s.path(backupsDir, b.ID)
		if there, err := exists(dir); err != nil || !there {
			return errors.Join(errors.New("its folder is gone"), err)
		}
		if err := change(&b); err != nil {
			return err
		}
		text, err := json.MarshalIndent(b.Marks, "", "  ")
		if err != nil {
			return err
		}
		if err := aside.WriteBytes(dir+"/"+marksFile, fileMode, append(text, '\n')); err != nil {
			return err
		}
		return aside.SyncDir(dir)
	})
	return s.wrap("marking backup "+id, err)
}

func sortBackups(all []Backup) {
	slices.SortFunc(all, func(a, b Backup) int {
		return cmp.Or(cmp.Compare(Sequence(a.ID), Sequence(b.ID)), cmp.Compare(a.ID, b.ID))
	})
}
