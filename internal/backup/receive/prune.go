package receive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"drydock/internal/aside"
)

// keepOld is how long a run that nothing is added to any more stays although the archive
// lacks some of it: those segments are the end of a history that was lost.
const keepOld = 14 * 24 * time.Hour

// prune removes segments that the archive holds, and old runs of which nothing is left. The
// newest whole segment of a run stays: pg_receivewal goes on after it.
func (r *Receiver) prune(ctx context.Context, current string, size uint64) error {
	if r.Archived == nil {
		return nil
	}
	systems, err := os.ReadDir(r.Dir)
	if err != nil {
		return err
	}
	var problems error
	for _, system := range systems {
		if !system.IsDir() {
			continue
		}
		folder := filepath.Join(r.Dir, system.Name())
		list, err := runsOf(folder)
		if err != nil {
			return err
		}
		// The archive is asked once, and only if there is something to remove.
		held := sync.OnceValues(func() (map[string]bool, error) { return r.Archived(ctx, system.Name()) })
		for i, id := range list {
			live := system.Name() == current && i == len(list)-1
			problems = errors.Join(problems, r.pruneRun(filepath.Join(folder, id.String()), size, held, live))
		}
	}
	return problems
}

func (r *Receiver) pruneRun(run string, size uint64, archived func() (map[string]bool, error), live bool) error {
	p, err := readPosition(run)
	if err != nil {
		return err
	}
	// A time in the future, after a step of the clock, errs towards keeping.
	if !live && !p.At.IsZero() && time.Since(p.At) > keepOld {
		if err := os.RemoveAll(run); err != nil {
			return fmt.Errorf("removing an old run: %w", err)
		}
		r.Log.Info("removed an old run of WAL", "run", run)
		return aside.SyncDir(filepath.Dir(run))
	}
	list, err := segmentsIn(run, size)
	if err != nil || len(list) < 2 {
		return err
	}
	held, err := archived()
	if err != nil {
		return fmt.Errorf("asking the archive what it holds: %w", err)
	}
	removed := 0
	for _, s := range list[:len(list)-1] {
		// In order, and up to the first that is missing there: what stays has no hole.
		if !held[s.Name(size)] {
			break
		}
		if err := os.Remove(filepath.Join(run, s.Name(size))); err != nil {
			return fmt.Errorf("removing a segment that the archive holds: %w", err)
		}
		removed++
	}
	if removed == 0 {
		return nil
	}
	return aside.SyncDir(run)
}
