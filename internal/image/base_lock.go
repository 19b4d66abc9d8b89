package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"drydock/internal/aside"
)

// baseLockPath is the file that remembers which digest a tag without one stood for
// when it was first used. It is meant to be committed.
const baseLockPath = "docker/base.lock.json"

type baseLock struct {
	path string
	mu   sync.Mutex
}

type lockedBases struct {
	Comment string            `json:"comment"`
	Images  map[string]string `json:"images"` // reference to digest
}

// digest returns what is recorded for a reference, "" for nothing.
func (l *baseLock) digest(ref string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	locked, err := l.read()
	return locked.Images[ref], err
}

// record adds a reference. The file is replaced by rename: a reader never sees half of it.
func (l *baseLock) record(ref, digest string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	locked, err := l.read()
	if err != nil {
		return err
	}
	locked.Comment = "What the tags of BASE_TRIXIE_IMAGE and BASE_FORKY_IMAGE stood for; remove a line to take the newest."
	if locked.Images == nil {
		locked.Images = map[string]string{}
	}
	locked.Images[ref] = digest
	text, err := json.MarshalIndent(locked, "", "  ")
	if err != nil {
		return fmt.Errorf("recording the digest of %s: %w", ref, err)
	}
	if err := os.MkdirAll(filepath.Dir(l.path), 0o755); err != nil {
		return fmt.Errorf("writing %s: %w", l.path, err)
	}
	return aside.WriteBytes(l.path, 0o644, append(text, '\n'))
}

func (l *baseLock) read() (lockedBases, error) {
	var locked lockedBases
	text, err := os.ReadFile(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return locked, nil
	}
	if err != nil {
		return locked, fmt.Errorf("reading the digests of base images: %w", err)
	}
	if err := json.Unmarshal(text, &locked); err != nil {
		return locked, fmt.Errorf("reading the digests of base images in %s: %w; correct the file or remove it", l.path, err)
	}
	return locked, nil
}
