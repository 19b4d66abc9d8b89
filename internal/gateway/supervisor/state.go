package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"drydock/internal/aside"
	"drydock/internal/gateway/render"
)

// State is what survives the container.
type State struct {
	Active     render.Colour `json:"active"`
	Assumed    bool          `json:"assumed,omitempty"`        // nobody has said that Active is live: see sight.go
	Canary     int           `json:"canary_percent,omitempty"` // of the clients, to the other colour; 0 is off
	Pushed     *Pushed       `json:"pushed,omitempty"`         // nil: the image's own configuration
	Generation int           `json:"generation"`               // the last one that served
	Changed    time.Time     `json:"changed"`
}

// Pushed names a configuration that was loaded from outside.
type Pushed struct {
	SHA256 string    `json:"sha256"` // of the tree; names its folder below conf/
	Image  string    `json:"image"`  // hash of the image's own tree then: a newer image's wins
	At     time.Time `json:"at"`
}

// Store keeps the state in a folder, or in memory when it cannot be written.
type Store struct {
	dir  string
	log  *slog.Logger
	once sync.Once
}

// NewStore returns the store in dir, which is a volume's mount point.
func NewStore(dir string, log *slog.Logger) *Store { return &Store{dir: dir, log: log} }

// Persistent says whether the folder can be written.
func (s *Store) Persistent() bool {
	f, err := os.CreateTemp(s.dir, ".writable-*")
	if err == nil {
		err = errors.Join(f.Close(), os.Remove(f.Name()))
	}
	if err != nil {
		s.once.Do(func() {
			s.log.Warn("the state is kept in memory only: it is lost when the container ends", "dir", s.dir, "error", err.Error(),
				"fix", "mount a volume there that user 101 may write")
		})
	}
	return err == nil
}

func (s *Store) file() string { return filepath.Join(s.dir, "state.json") }

// Load reads the state. Without one the first colour is assumed to be active; a damaged one is
// put aside, said, and taken as none: the site must come up.
func (s *Store) Load(first render.Colour) State {
	fresh := State{Active: first, Assumed: true}
	text, err := os.ReadFile(s.file())
	if errors.Is(err, fs.ErrNotExist) {
		return fresh
	}
	var st State
	if err == nil {
		st, err = parseState(text)
	}
	if err != nil {
		kept := fmt.Sprintf("%s.damaged-%s", s.file(), time.Now().UTC().Format("20060102T150405Z"))
		if renameErr := os.Rename(s.file(), kept); renameErr != nil {
			kept = "not possible: " + renameErr.Error()
		}
		s.log.Error("the state cannot be read; going on without", "file", s.file(), "error", err.Error(), "kept", kept)
		return fresh
	}
	return st
}

func parseState(text []byte) (State, error) {
	var st State
	if err := json.Unmarshal(text, &st); err != nil {
		return State{}, err
	}
	switch {
	case !st.Active.Valid():
		return State{}, fmt.Errorf("the active colour is %q; expected blue or green", st.Active)
	case st.Canary < 0 || st.Canary > 99:
		return State{}, fmt.Errorf("the canary has %d per cent; expected 0 to 99", st.Canary)
	case st.Generation < 0:
		return State{}, fmt.Errorf("the generation is %d", st.Generation)
	case st.Pushed != nil && !isHash(st.Pushed.SHA256):
		return State{}, fmt.Errorf("the pushed configuration is called %q; expected a SHA-256", st.Pushed.SHA256)
	}
	return st, nil
}

func isHash(s string) bool {
	if len(s) != 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Save writes the state, whole or not at all. In memory there is nothing to do.
func (s *Store) Save(st State) error {
	if !s.Persistent() {
		return nil
	}
	text, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}
	return aside.WriteBytes(s.file(), 0o644, append(text, '\n'))
}
