package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"

	"drydock/internal/flock"
	"drydock/internal/run"
)

// stateLock is held for moments, around changes of the small files.
const stateLock = "state"

// statePoll is how often a held state lock is asked for.
const statePoll = 5 * time.Millisecond

var lockName = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// Holder says who has a lock. The kernel decides whether it is still held; this is for people.
type Holder struct {
	Name  string    `json:"name"`  // what the holder does
	Host  string    `json:"host"`  // of a container: its id
	PID   int       `json:"pid"`   // as the holder sees itself
	Since time.Time `json:"since"` // UTC
}

func (h Holder) String() string {
	return fmt.Sprintf("%s (process %d on %s, since %s)", h.Name, h.PID, h.Host, h.Since.Format(time.RFC3339))
}

// BusyError is a lock that a living process holds.
type BusyError struct {
	Lock   string
	Holder Holder // zero if the holder has not written down yet who it is
}

func (e *BusyError) Error() string {
	who := "another process"
	if e.Holder.PID != 0 {
		who = e.Holder.String()
	}
	return fmt.Sprintf("%s is locked by %s, which is alive: wait until it is done, or stop it", e.Lock, who)
}

// ExitCode says that something else holds the lock.
func (e *BusyError) ExitCode() int { return run.CodeBusy }

// Lock is held until Unlock, or until the process ends, however it ends. Programs that
// the process starts do not inherit it.
type Lock struct {
	// Stale is the holder that died without unlocking; nil if the last one went properly.
	Stale *Holder
	f     *os.File
}

// Lock takes the named lock, or fails at once with a *BusyError. The folder may be
// shared by containers; a lock whose holder is gone is taken, and Stale tells.
func (s *Store) Lock(name, holder string) (*Lock, error) {
	if err := s.writable("locking " + name); err != nil {
		return nil, err
	}
	if !lockName.MatchString(name) {
		return nil, fmt.Errorf("locking %q: a lock's name consists of small letters, digits and '-'", name)
	}
	f, err := os.OpenFile(s.path(locksDir, name+".lock"), os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, s.wrap("locking "+name, err)
	}
	held, err := flock.Try(f, flock.Exclusive)
	// Somebody who only looks (Locked) holds it for a moment, too.
	for range 10 {
		if held || err != nil {
			break
		}
		time.Sleep(statePoll)
		held, err = flock.Try(f, flock.Exclusive)
	}
	if err != nil || !held {
		last := readHolder(f)
		_ = f.Close()
		if err != nil {
			return nil, fmt.Errorf("locking %s: %w", name, err)
		}
		busy := &BusyError{Lock: name}
		if last != nil {
			busy.Holder = *last
		}
		return nil, busy
	}
	l := &Lock{f: f, Stale: readHolder(f)}
	text, err := json.Marshal(Holder{Name: holder, Host: s.host, PID: os.Getpid(), Since: s.now().UTC()})
	if err == nil {
		// On a full disk the lock holds all the same; only its description is missing.
		if err = f.Truncate(0); err == nil {
			_, _ = f.WriteAt(text, 0)
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", name, err), l.Unlock())
	}
	return l, nil
}

// Unlock gives the lock back. The file stays: removing it would let two processes lock
// two files of the same name.
func (l *Lock) Unlock() error {
	if l == nil || l.f == nil {
		return nil
	}
	f := l.f
	l.f = nil
	return errors.Join(f.Truncate(0), f.Close())
}

// Locked tells who holds a lock, without taking it; nil if nobody does. A description
// that a dead holder left is no holder.
func (s *Store) Locked(name string) (*Holder, error) {
	f, err := os.Open(s.path(locksDir, name+".lock"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking at the lock %s: %w", name, err)
	}
	defer f.Close()
	// A shared lock does not disturb another one who looks.
	free, err := flock.Try(f, flock.Shared)
	if err != nil {
		return nil, fmt.Errorf("looking at the lock %s: %w", name, err)
	}
	if free {
		return nil, nil
	}
	if h := readHolder(f); h != nil {
		return h, nil
	}
	return &Holder{Name: "another process"}, nil
}

func (s *Store) waitLock(ctx context.Context, name string) (*Lock, error) {
	for {
		l, err := s.Lock(name, "changing the repository")
		var busy *BusyError
		if !errors.As(err, &busy) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), err)
		case <-time.After(statePoll):
		}
	}
}

func readHolder(f *os.File) *Holder {
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 4096))
	if err != nil || len(text) == 0 {
		return nil
	}
	var h Holder
	if json.Unmarshal(text, &h) != nil || h.PID == 0 {
		return nil
	}
	return &h
}

// tryDir locks a folder itself: of a backup that is written, read or deleted. nil
// without an error means that somebody else holds it, or that it is gone.
func (s *Store) tryDir(path string, how flock.Mode) (*os.File, error) {
	return s.holdDir(path, func(d *os.File) (bool, error) { return flock.Try(d, how) })
}

// waitDir is tryDir, exclusive, for a folder that others may hold for a moment: nil is only that
// it is gone.
func (s *Store) waitDir(path string) (*os.File, error) {
	return s.holdDir(path, func(d *os.File) (bool, error) { return true, flock.Wait(d, flock.Exclusive) })
}

// holdDir opens a folder, locks it, and sees whether it still has its path.
func (s *Store) holdDir(path string, lock func(*os.File) (bool, error)) (*os.File, error) {
	d, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if s.opened != nil {
		s.opened(path)
	}
	held, err := lock(d)
	if err == nil && held {
		held, err = isAt(d, path)
	}
	if err == nil && held {
		return d, nil
	}
	return nil, errors.Join(err, d.Close())
}

// isAt says whether the open folder still has this path. Its holder may have renamed it (published,
// removed) between the opening and the locking, which only succeeds when that holder has let go.
func isAt(d *os.File, path string) (bool, error) {
	have, err := d.Stat()
	if err != nil {
		return false, err
	}
	now, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(have, now), err
}
