package store

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// Report is what Verify found.
type Report struct {
	Backup   Backup
	Problems []string // one for each file that is not as recorded; empty if all is well
}

// OK says that nothing was found.
func (r Report) OK() bool { return len(r.Problems) == 0 }

// Verify reads a backup and compares it with its record. Of an external one only the
// record is here to be verified. An error means that it could not be verified, not that it is bad.
func (s *Store) Verify(ctx context.Context, id string) (Report, error) {
	b, err := s.Get(id)
	if err != nil {
		return Report{}, err
	}
	r := Report{Backup: b}
	dir := s.path(backupsDir, b.ID)
	record, err := readRecord(dir+"/"+recordFile, b.ID)
	if err != nil {
		there, e := exists(dir)
		if e != nil {
			return r, fmt.Errorf("verifying backup %s: %w", b.ID, e)
		}
		if !there {
			r.Problems = append(r.Problems, b.Damaged.Reason)
			return r, nil
		}
		r.Problems = append(r.Problems, err.Error())
		record = b.Record // the index's copy, if that is readable
	}
	if copied, err := readRecord(s.path(indexDir, b.ID+".json"), b.ID); err == nil && !reflect.DeepEqual(copied, record) {
		r.Problems = append(r.Problems, "its record is not the one that was published: it differs from the copy in "+indexDir+"/")
	}
	if !record.External {
		problems, err := compareTree(ctx, dir+"/"+filesDir, record.Files)
		if err != nil {
			return r, fmt.Errorf("verifying backup %s: %w", b.ID, err)
		}
		r.Problems = append(r.Problems, problems...)
	}
	return r, nil
}

// VerifyAll verifies every backup and puts the damaged ones into quarantine. It goes on
// after one that cannot be verified and returns all reports and errors.
func (s *Store) VerifyAll(ctx context.Context) ([]Report, error) {
	all, err := s.List()
	if err != nil {
		return nil, err
	}
	var reports []Report
	var errs []error
	for _, b := range all {
		r, err := s.Verify(ctx, b.ID)
		if cause := context.Cause(ctx); cause != nil {
			return reports, errors.Join(append(errs, cause)...)
		}
		if gone := new(NotFoundError); errors.As(err, &gone) {
			continue // removed meanwhile
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		reports = append(reports, r)
		if r.OK() || s.readOnly {
			continue
		}
		if there, _ := exists(s.path(backupsDir, b.ID)); there { // one without a folder is listed as damaged anyway
			if err := s.MarkDamaged(ctx, b.ID, "verify", strings.Join(r.Problems, "; ")); err != nil {
				errs = append(errs, err)
			}
		}
	}
	return reports, errors.Join(errs...)
}
