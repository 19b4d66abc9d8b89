package schedule

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"drydock/internal/aside"
)

// Journal remembers what happened.
type Journal interface {
	// States is what everything so far comes to, by job.
	States() map[string]State
	// Append makes an entry durable before it returns.
	Append(Entry) error
}

// File is a journal in a file of JSON lines. One process at a time may have it open.
type File struct {
	path    string
	f       *os.File
	states  map[string]State
	entries []Entry // the newest ones
	damaged int
}

const (
	// compactAt is how many entries make it worth to forget the older ones.
	compactAt   = 4000
	keepEntries = 1000
)

// OpenFile opens or makes a journal. A line that was torn by a crash is cut off; one in
// the middle that is not readable is counted and passed over. A long journal is shortened.
func OpenFile(path string) (_ *File, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("opening the scheduler's journal: %w", err)
		}
	}()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	whole := bytes.LastIndexByte(text, '\n') + 1
	j := &File{path: path, states: map[string]State{}}
	for line := range bytes.Lines(text[:whole]) {
		var e Entry
		if json.Unmarshal(line, &e) != nil || e.Job == "" {
			j.damaged++
			continue
		}
		j.entries = append(j.entries, e)
	}
	if len(j.entries) > compactAt {
		if err := j.compact(); err != nil {
			return nil, err
		}
		whole = -1
	}
	for _, e := range j.entries {
		j.states[e.Job] = j.states[e.Job].apply(e)
	}
	j.f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	if whole >= 0 {
		err = j.f.Truncate(int64(whole))
	}
	if err = errors.Join(err, j.f.Sync(), aside.SyncDir(filepath.Dir(path))); err != nil {
		return nil, errors.Join(err, j.f.Close())
	}
	return j, nil
}

// compact puts what the older entries come to in their place.
func (j *File) compact() error {
	states := map[string]State{}
	old := len(j.entries) - keepEntries
	for _, e := range j.entries[:old] {
		states[e.Job] = states[e.Job].apply(e)
	}
	kept := make([]Entry, 0, keepEntries+len(states))
	for _, job := range slices.Sorted(maps.Keys(states)) {
		st := states[job]
		kept = append(kept, Entry{Time: j.entries[old-1].Time, Event: EventState, Job: job, State: &st})
	}
	kept = append(kept, j.entries[old:]...)
	err := aside.Write(j.path, 0o600, func(w io.Writer) error {
		b := bufio.NewWriter(w)
		enc := json.NewEncoder(b)
		for _, e := range kept {
			if err := enc.Encode(e); err != nil {
				return err
			}
		}
		return b.Flush()
	})
	if err == nil {
		j.entries = kept
	}
	return err
}

// States is what the journal came to when it was opened.
func (j *File) States() map[string]State { return maps.Clone(j.states) }

// Entries are what was in the journal when it was opened, oldest first, as far as it was kept.
func (j *File) Entries() []Entry { return j.entries }

// Damaged is how many lines could not be read.
func (j *File) Damaged() int { return j.damaged }

// Append writes a line and syncs it. After a failure the file is cut back, so that a
// torn line does not swallow the next one.
func (j *File) Append(e Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	end, err := j.f.Seek(0, io.SeekEnd)
	if err == nil {
		if _, err = j.f.Write(append(line, '\n')); err == nil {
			err = j.f.Sync()
		}
		if err != nil {
			err = errors.Join(err, j.f.Truncate(end))
		}
	}
	if err != nil {
		return fmt.Errorf("writing the scheduler's journal %s: %w", j.path, err)
	}
	return nil
}

// Close closes the file.
func (j *File) Close() error { return j.f.Close() }
