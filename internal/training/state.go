package training

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"drydock/internal/aside"
)

// state is the exercise that runs, with all that is needed to undo it.
type state struct {
	Exercise string    `json:"exercise"`
	Project  string    `json:"project"`
	Begun    time.Time `json:"begun"`
	Broken   time.Time `json:"broken,omitzero"` // when all of it was; zero: the start was cut off

	Databases  []string `json:"databases,omitempty"`  // that were there before
	Newest     uint64   `json:"newest_backup"`        // the number of the newest backup before
	Dump       string   `json:"dump,omitempty"`       // the one that the exercise made
	Containers []string `json:"containers,omitempty"` // that were stopped or frozen
}

// stateFile is below the checkout.
const stateFile = ".drydock/training.json"

// readState is nil when no exercise runs.
func readState(root string) (*state, error) {
	path := filepath.Join(root, filepath.FromSlash(stateFile))
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading which exercise runs: %w", err)
	}
	var s state
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("reading which exercise runs, in %s: %w; if none does, remove the file", path, err)
	}
	return &s, nil
}

func (s *state) write(root string) error {
	path := filepath.Join(root, filepath.FromSlash(stateFile))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("noting which exercise runs: %w", err)
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return aside.WriteBytes(path, 0o644, append(text, '\n'))
}

func forget(root string) error {
	err := os.Remove(filepath.Join(root, filepath.FromSlash(stateFile)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
