package watch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"drydock/internal/aside"
	"drydock/internal/stack"
)

// A container that is started again so often within so long loops, even if it is healthy
// whenever somebody looks.
const (
	restartsMany   = 3
	restartsWithin = time.Hour
)

// sample is a container's count of restarts at a time.
type sample struct {
	At time.Time `json:"at"`
	N  int       `json:"restarts"`
}

// counted notes the restarts of now, and says how many there were within the hour. The engine
// counts since the container was made, so what there was an hour ago has to be remembered. It
// is pure.
func counted(before map[string][]sample, list []stack.Status, now time.Time) (after map[string][]sample, within map[string]int) {
	after, within = map[string][]sample{}, map[string]int{}
	for _, s := range list {
		if s.Container == "" {
			continue
		}
		old := before[s.Container]
		if len(old) > 0 && (old[len(old)-1].N > s.Restarts || old[len(old)-1].At.After(now)) {
			old = nil // another container of that name, or a clock that was ahead
		}
		if len(old) == 0 || old[len(old)-1].N != s.Restarts {
			old = append(old, sample{now, s.Restarts})
		}
		for len(old) > 1 && now.Sub(old[1].At) > restartsWithin {
			old = old[1:] // the first one is what there was when the hour began
		}
		after[s.Container], within[s.Container] = old, s.Restarts-old[0].N
	}
	return after, within
}

// restarts remembers the counts between two looks.
func (w *Watch) restarts(list []stack.Status, now time.Time) (map[string]int, error) {
	path, err := w.path("restarts.json")
	if err != nil {
		return nil, err
	}
	before := map[string][]sample{}
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &before)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("reading the restarts of before, which begin anew: %w", err)
	}
	after, within := counted(before, list, now)
	text, writeErr := json.Marshal(after)
	if writeErr == nil {
		writeErr = aside.WriteBytes(path, 0o600, append(text, '\n'))
	}
	return within, errors.Join(err, writeErr)
}
