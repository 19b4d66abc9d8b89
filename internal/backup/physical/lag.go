package physical

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Backlog is the log that waits to be archived.
type Backlog struct {
	Segments int
	Bytes    int64
	Since    time.Time // when the oldest one was complete; zero when none waits
}

// Lag is how long the oldest has waited.
func (b Backlog) Lag(now time.Time) time.Duration {
	if b.Segments == 0 {
		return 0
	}
	return max(now.Sub(b.Since), 0)
}

// Waiting looks at the database's own notes, so it works while the database is down.
func Waiting(data string) (b Backlog, err error) {
	dir := filepath.Join(data, "pg_wal", "archive_status")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return b, fmt.Errorf("looking for log that waits to be archived: %w", err)
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".ready")
		if !ok {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // archived just now
		}
		if err != nil {
			return b, fmt.Errorf("looking for log that waits to be archived: %w", err)
		}
		b.Segments++
		if b.Since.IsZero() || info.ModTime().Before(b.Since) {
			b.Since = info.ModTime()
		}
		if wal, err := os.Stat(filepath.Join(data, "pg_wal", name)); err == nil {
			b.Bytes += wal.Size()
		}
	}
	return b, nil
}

// Drop is a segment that was let go (docker/postgres/pgbackrest-push).
type Drop struct {
	At      time.Time `json:"at"`
	Segment string    `json:"segment"`
}

const droppedFile = "archive-dropped"

// Dropped are the segments that were let go since the last backup that mended it.
func Dropped(dir string) (list []Drop, err error) {
	f, err := os.Open(filepath.Join(dir, droppedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for log that was let go: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		when, name, _ := strings.Cut(lines.Text(), " ")
		at, err := time.Parse(time.RFC3339, when)
		if err != nil {
			continue // torn by a crash; the line before it, or the next one, says the same
		}
		list = append(list, Drop{at, name})
	}
	return list, nil
}

// Mended forgets them: a backup was made after the last of them.
func Mended(dir string) error {
	err := os.Remove(filepath.Join(dir, droppedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
