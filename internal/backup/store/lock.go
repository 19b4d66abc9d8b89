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

	"golang.org/x/sys/unix"

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
	held, err := tryFlock(f)
	// Somebody who only looks (Locked) holds it for a moment, too.
	for range 10 {
		if held || err != nil {
			break
		}
		time.Sleep(statePoll)
		held, err = tryFlock(f)
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
	switch err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); {
	case errors.Is(err, unix.EWOULDBLOCK):
		if h := readHolder(f); h != nil {
			return h, nil
		}
		return &Holder{Name: "another process"}, nil
	case err != nil:
		return nil, fmt.Errorf("looking at the lock %s: %w", name, err)
	}
	return nil, nil
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

func tryFlock(f *os.File) (bool, error) {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
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

// holdDir locks a folder itself: of a backup that is written, read or deleted. nil
// without an error means that somebody else holds it, or that it is gone.
func holdDir(path string, how int) (*os.File, error) {
	d, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(d.Fd()), how|unix.LOCK_NB); err != nil {
		_ = d.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, nil
		}
		return nil, err
	}
	return d, nil
}
