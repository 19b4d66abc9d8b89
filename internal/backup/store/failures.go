package store

import (
	"fmt"
	"os"
)

// keepFailures is how many failed runs of one kind and database are remembered. A source
// that fails every minute must not fill the disk with the news.
const keepFailures = 50

// Failure is a run that came to nothing.
type Failure struct {
	Record
	Reason string `json:"reason"`
}

// fail needs the state lock.
func (s *Store) fail(r Record, reason string) error {
	r.Files = nil
	if err := writeEnvelope(s.path(failuresDir, r.ID+".json"), Failure{Record: r, Reason: reason}); err != nil {
		return err
	}
	all, err := s.Failures()
	if err != nil {
		return err
	}
	seen := 0
	for i := len(all) - 1; i >= 0; i-- {
		if f := all[i]; f.Kind == r.Kind && f.Database == r.Database && f.Repository == r.Repository {
			if seen++; seen > keepFailures {
				if err := os.Remove(s.path(failuresDir, f.ID+".json")); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Failures are the runs that came to nothing, oldest first: those that failed, and those
// whose process died, once a later run has found that out.
func (s *Store) Failures() ([]Failure, error) {
	ids, err := s.names(failuresDir, "", ".json")
	if err != nil {
		return nil, err
	}
	var all []Failure
	for _, id := range ids {
		var f Failure
		err := readEnvelope(s.path(failuresDir, id+".json"), &f)
		if os.IsNotExist(err) {
			continue // a writer forgot it just now
		}
		if err != nil {
			f = Failure{Record: Record{ID: id}, Reason: fmt.Sprintf("what failed cannot be read: %v", err)}
		}
		all = append(all, f)
	}
	return all, nil
}
