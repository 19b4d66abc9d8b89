package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"drydock/internal/aside"
	"drydock/internal/backup/store"
	"drydock/internal/run"
)

// The evidence of drills is kept beside the backups, so that every machine that drills
// has the past ones to compare with: the job of a CI system starts with an empty disk.

const (
	drillsDir = "drills"
	// drillsKept is how many are kept: two years of weekly ones.
	drillsKept = 104
	// evidenceMax bounds one, in bytes.
	evidenceMax = 4 << 20
)

// drillID is also a file's name.
var drillID = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[a-z0-9]{6}$`)

// drilled is what is read of a drill's evidence; the rest is the drill's.
type drilled struct {
	ID    string `json:"id"`
	Parts []struct {
		Backup string  `json:"backup"`
		Passed bool    `json:"passed"`
		Took   float64 `json:"recovery_seconds"`
	} `json:"parts"`
}

// Drilled keeps the evidence of a drill, and marks the backups that passed as proven.
func (s *Service) Drilled(ctx context.Context, evidence io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(evidence, evidenceMax+1))
	if err != nil {
		return fmt.Errorf("reading the evidence of a drill: %w", err)
	}
	var d drilled
	if err := json.Unmarshal(text, &d); err != nil || len(text) > evidenceMax || !drillID.MatchString(d.ID) {
		return run.WithCode(run.CodeBadInput, errors.Join(errors.New("this is no evidence of a drill"), err))
	}
	dir := filepath.Join(s.Store.Root(), drillsDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keeping the evidence of a drill: %w", err)
	}
	if err := aside.WriteBytes(filepath.Join(dir, d.ID+".json"), 0o600, text); err != nil {
		return fmt.Errorf("keeping the evidence of a drill: %w", err)
	}
	if err := s.forgetDrills(dir); err != nil {
		return err
	}
	for _, p := range d.Parts {
		if !p.Passed {
			continue
		}
		err := s.Store.MarkProven(ctx, p.Backup, store.Proof{Drill: d.ID, At: s.Now().UTC(), Took: time.Duration(p.Took * float64(time.Second)), Report: drillsDir + "/" + d.ID + ".json"})
		if err != nil {
			return err
		}
	}
	return nil
}

// forgetDrills removes the oldest beyond those that are kept.
func (s *Service) forgetDrills(dir string) error {
	names, err := drillNames(dir)
	if err != nil {
		return err
	}
	for _, name := range names[:max(0, len(names)-drillsKept)] {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("removing the evidence of an old drill: %w", err)
		}
	}
	return nil
}

// drillNames are the files of evidence, oldest first: their names begin with the time.
func drillNames(dir string) ([]string, error) {
	list, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("listing the drills: %w", err)
	}
	var names []string
	for _, f := range list {
		if id, ok := strings.CutSuffix(f.Name(), ".json"); ok && drillID.MatchString(id) {
			names = append(names, f.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// Drills writes the evidence of all kept drills as a JSON list, oldest first. One that
// cannot be read is left out: the past must not stop a drill.
func (s *Service) Drills(w io.Writer) error {
	dir := filepath.Join(s.Store.Root(), drillsDir)
	names, err := drillNames(dir)
	if err != nil {
		return err
	}
	all := []json.RawMessage{}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil && json.Valid(text) {
			all = append(all, bytes.TrimSpace(text))
		}
	}
	return writeJSON(w, all)
}
