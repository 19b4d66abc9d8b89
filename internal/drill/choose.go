package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"drydock/internal/run"
)

// part is one backup to drill, and how.
type part struct {
	evidence *Part
	steps    func(*scratch) []step
}

// listed is what is read of `backup:list`.
type listed struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"`
	Database string    `json:"database"`
	Started  time.Time `json:"started"`
	OnDisk   int64     `json:"on_disk"`
	Damaged  *struct {
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
		Backups []listed `json:"backups"`
	}
	if err := json.Unmarshal(out.Bytes(), &all); err != nil {
		return nil, fmt.Errorf("reading the list of backups: %w", err)
	}
	b, err := pick(all.Backups, d.Settings.Options.Backup, d.Settings.Database.Name)
	if err != nil {
		return nil, run.WithCode(run.CodeBadInput, err)
	}
	return []part{{
		evidence: &Part{Name: "dump", Backup: b.ID, Database: b.Database, Made: b.Started, Size: b.OnDisk},
		steps:    (*scratch).dumpSteps,
	}}, nil
}

// pick is the dump that is drilled. One that is wanted by its id is taken even when it is
// marked as damaged: the drill says what is wrong with it.
func pick(list []listed, want, database string) (listed, error) {
	for i := len(list) - 1; i >= 0; i-- {
		b := list[i]
		if want != "" && (b.ID == want || strings.TrimLeft(strings.SplitN(b.ID, "-", 2)[0], "0") == want) {
			return b, nil
		}
		if want == "" && b.Kind == "dump" && b.Database == database && b.Damaged == nil {
			return b, nil
		}
	}
	if want != "" {
		return listed{}, fmt.Errorf("there is no backup %q; `backup:list` shows what there is", want)
	}
	return listed{}, errors.New("there is no good dump to drill with; make one: backup:dump")
}
