package manifest

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"drydock/internal/aside"
)

// Write writes a sealed document into the folder of its backup, whole or not at all.
func Write(dir string, m *Manifest) error {
	text, err := m.Encode()
	if err != nil {
		return err
	}
	return aside.WriteBytes(filepath.Join(dir, FileName), 0o600, text)
}

// Read reads and checks the document of a backup. A folder without one is no backup: the
// error matches fs.ErrNotExist then.
func Read(dir string) (*Manifest, error) {
	path := filepath.Join(dir, FileName)
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the manifest of %s: %w; without it this is no finished backup", dir, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("reading %s: more than %d bytes: %w", path, MaxBytes, ErrDamaged)
	}
	m, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}
