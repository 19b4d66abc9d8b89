package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"drydock/internal/backup/physical"
	"drydock/internal/backup/store"
	"drydock/internal/run"
)

// part is one backup to drill, and how.
type part struct {
	evidence *Part
	physical bool
	steps    func(*scratch) []step
}

// listed is what is read of `backup:list`.
type listed struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind"`
	Repository string    `json:"repository"` // of a physical one: local or s3
	Database   string    `json:"database"`
	Started    time.Time `json:"started"`
	Finished   time.Time `json:"finished"`
	OnDisk     int64     `json:"on_disk"`
	Damaged    *struct {
		Reason string `json:"reason"`
	} `json:"damaged"`
}

// parts chooses what is drilled.
func (d *Drill) parts(ctx context.Context) ([]part, error) {
	var out bytes.Buffer
	if err := d.remote(&out).List(ctx); err != nil {
		return nil, err
	}
	var all struct {
		Backups []listed                   `json:"backups"`
		Windows map[string]physical.Window `json:"windows"`
	}
	if err := json.Unmarshal(out.Bytes(), &all); err != nil {
		return nil, fmt.Errorf("reading the list of backups: %w", err)
	}
	chosen, err := pick(all.Backups, d.Settings.Options.Backup, d.Settings.Database.Name)
	if err != nil {
		return nil, run.WithCode(run.CodeBadInput, err)
	}
	var parts []part
	for _, b := range chosen {
		p := part{evidence: &Part{Name: b.name(), Backup: b.ID, Database: b.Database, Made: b.Started, Finished: b.Finished, Size: b.OnDisk, until: all.Windows[b.ID].Until}, steps: (*scratch).dumpSteps}
		if b.Kind == store.KindPhysical {
			p.physical, p.steps = true, (*scratch).physicalSteps
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// name tells a part from the others; the local repository is the one that need not be named.
func (b listed) name() string {
	if b.Kind == store.KindPhysical && b.Repository != physical.Local {
		return b.Kind + " " + b.Repository
	}
	return b.Kind
}

// pick is what is drilled: the newest good dump, and of each repository the newest good
// physical backup, since each of them may be all that is left; or the
// one that is wanted by its id, even when it is marked as damaged: the drill says what is
// wrong with it.
func pick(list []listed, want, database string) (chosen []listed, err error) {
	for i := len(list) - 1; i >= 0; i-- {
		b := list[i]
		if store.Means(want, b.ID) {
			if b.Kind == store.KindConfig {
				return nil, fmt.Errorf("%s is a backup of the configuration; `backup:configRestore` proves it", b.ID)
			}
			return []listed{b}, nil
		}
	}
	if want != "" {
		return nil, fmt.Errorf("there is no backup %q; `backup:list` shows what there is", want)
	}
	have := map[string]bool{}
	for _, b := range slices.Backward(list) {
		if b.Kind == store.KindConfig || b.Damaged != nil || b.Kind == store.KindDump && b.Database != database || have[b.name()] {
			continue
		}
		have[b.name()] = true
		chosen = append(chosen, b)
	}
	// The dump first, then the local repository.
	slices.SortStableFunc(chosen, func(a, b listed) int { return strings.Compare(a.name(), b.name()) })
	if len(chosen) == 0 {
		return nil, errors.New("there is no good backup to drill with; make one: backup:dump")
	}
	return chosen, nil
}
