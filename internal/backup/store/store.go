package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"drydock/internal/aside"
	"drydock/internal/run"
)

// Options say what differs between the service, a reader and a test.
type Options struct {
	ReadOnly bool             // nothing is made or changed: for a volume that is mounted read-only
	Now      func() time.Time // time.Now when nil
}

// Store is an open repository. It is safe for concurrent use, also by other processes.
type Store struct {
	root     string
	readOnly bool
	now      func() time.Time
	host     string

	hook   func(step string) // tests end the process here
	opened func(path string) // tests interfere here, before the folder is locked
}

const (
	backupsDir  = "backups"
	indexDir    = "index"
	failuresDir = "failures"
	trashDir    = "trash"
	locksDir    = "locks"

	partialPrefix = ".partial-"
	filesDir      = "files"
	recordFile    = "record.json"
	marksFile     = "marks.json"

	// Backups hold everything that the database holds: only the service's user reads them.
	dirMode  = 0o700
	fileMode = 0o600
)

// Open opens the repository at root, and makes its folders where they are missing.
func Open(root string, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	s := &Store{root: root, readOnly: o.ReadOnly, now: o.Now, host: host}
	if o.ReadOnly {
		if _, err := os.Stat(s.path(backupsDir)); err != nil {
			return nil, fmt.Errorf("opening the backup repository: %w; is the right volume mounted at %s?", err, root)
		}
		return s, nil
	}
	for _, d := range []string{backupsDir, indexDir, failuresDir, trashDir, locksDir} {
		if err := os.MkdirAll(s.path(d), dirMode); err != nil {
			return nil, s.wrap("opening the backup repository", err)
		}
	}
	if err := aside.SyncDir(root); err != nil {
		return nil, s.wrap("opening the backup repository", err)
	}
	return s, nil
}

// Root is the folder that was opened.
func (s *Store) Root() string { return s.root }

// Journal is where the scheduler's journal is kept.
func (s *Store) Journal() string { return s.path("schedule.jsonl") }

// Alarms is where it is kept which alarms were told.
func (s *Store) Alarms() string { return s.path("alarms.json") }

// Conditions is the same for what is looked at beside the archive.
func (s *Store) Conditions() string { return s.path("conditions.json") }

// Verified is where it is kept when every backup was last found to be good.
func (s *Store) Verified() string { return s.path("verified.json") }

// Watched is where it is kept when the services were last looked at from outside.
func (s *Store) Watched() string { return s.path("watched.json") }

func (s *Store) path(parts ...string) string {
	return filepath.Join(append([]string{s.root}, parts...)...)
}

func (s *Store) step(name string) {
	if s.hook != nil {
		s.hook(name)
	}
}

func (s *Store) writable(doing string) error {
	if s.readOnly {
		return fmt.Errorf("%s: the repository %s was opened read-only", doing, s.root)
	}
	return nil
}

// wrap names what was being done. A full disk gets the way out.
func (s *Store) wrap(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		free := "how much is free is not known"
		if n, e := s.Free(); e == nil {
			free = Bytes(n) + " free"
		}
		return fmt.Errorf("%s: the backup repository %s is full (%s): %w; give the volume more space, or remove single "+
			"backups that are not needed (`backup:list` shows their sizes)", doing, s.root, free, err)
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("%s: %w; the volume at %s is mounted read-only", doing, err, s.root)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// Free is the space in bytes that the repository's file system has left for this user.
func (s *Store) Free() (int64, error) { return FreeSpace(s.root) }

// FreeSpace is the space in bytes that a folder's file system has left for this user.
func FreeSpace(dir string) (int64, error) {
	free, _, err := Space(dir)
	return free, err
}

// Space is what a folder's file system has left for this user, and all that it has, in bytes.
func Space(dir string) (free, total int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, fmt.Errorf("asking how much space %s has: %w", dir, err)
	}
	return int64(st.Bavail) * int64(st.Bsize), int64(st.Blocks) * int64(st.Bsize), nil // the types differ between systems
}

// NoSpaceError refuses a backup before it starts.
type NoSpaceError struct {
	Root       string
	Need, Free int64 // bytes
}

func (e *NoSpaceError) Error() string {
	return fmt.Sprintf("the backup needs about %s and the repository %s has %s free: give the volume more space, keep fewer "+
		"backups (`backup:prune`, with DRY_RUN=1 to look first), or remove single ones", Bytes(e.Need), e.Root, Bytes(e.Free))
}

// ExitCode says that a prerequisite is missing.
func (e *NoSpaceError) ExitCode() int { return run.CodeMissing }

// NotFoundError is an id that no listed backup has.
type NotFoundError struct {
	ID   string
	Root string
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("there is no backup %q in %s; `backup:list` shows what there is", e.ID, e.Root)
}

// ExitCode says that an argument is wrong.
func (e *NotFoundError) ExitCode() int { return run.CodeBadInput }

// Bytes writes a size for people, in powers of 1024.
func Bytes(n int64) string {
	if n > -1024 && n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n)/1024, 0
	for ; (f >= 1024 || f <= -1024) && unit < 4; unit++ {
		f /= 1024
	}
	return fmt.Sprintf("%.1f %s", f, []string{"KiB", "MiB", "GiB", "TiB", "PiB"}[unit])
}

// names are the entries of one of the repository's folders that stand for an id, in the
// order of the ids. What else lies there (lost+found, a file being written aside) is not ours to read.
func (s *Store) names(dir, prefix, suffix string) ([]string, error) {
	entries, err := os.ReadDir(s.path(dir))
	if err != nil {
		return nil, fmt.Errorf("reading the backup repository: %w", err)
	}
	var ids []string
	for _, e := range entries {
		id, ok := strings.CutPrefix(e.Name(), prefix)
		if !ok {
			continue
		}
		if id, ok = strings.CutSuffix(id, suffix); ok && validID(id) {
			ids = append(ids, id)
		}
	}
	sortIDs(ids)
	return ids, nil
}

func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// locked does something short while no other process changes the small files.
func (s *Store) locked(ctx context.Context, do func() error) error {
	l, err := s.waitLock(ctx, stateLock)
	if err != nil {
		return err
	}
	return errors.Join(do(), l.Unlock())
}
