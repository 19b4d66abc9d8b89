package receive

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"drydock/internal/aside"
)

// position is what a run's position.json holds: how far the receiver had synced, so that a
// database which is behind that is not taken for the one that was streamed.
type position struct {
	Synced LSN       `json:"synced"`
	At     time.Time `json:"at"`
	// Closed says why nothing is added any more; Diverged that the database went on without
	// what the run has, so that a restore must not read it.
	Closed   string `json:"closed,omitempty"`
	Diverged bool   `json:"diverged,omitempty"`
}

const positionFile = "position.json"

func readPosition(run string) (p position, err error) {
	data, err := os.ReadFile(filepath.Join(run, positionFile))
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &p)
	}
	if err != nil {
		return p, fmt.Errorf("reading how far a run got: %w; the file can be removed", err)
	}
	return p, nil
}

func writePosition(run string, p position) error {
	data, err := json.Marshal(p)
	if err == nil {
		err = aside.WriteBytes(filepath.Join(run, positionFile), 0o600, append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("noting how far a run got: %w", err)
	}
	return nil
}

// runsOf lists the runs of a system, oldest first.
func runsOf(system string) (list []runID, err error) {
	entries, err := os.ReadDir(system)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if id, ok := parseRun(e.Name()); ok && e.IsDir() {
			list = append(list, id)
		}
	}
	slices.SortFunc(list, runID.compare)
	return list, err
}

// firstRun is the reason that needs no explaining to anyone.
const firstRun = "the first of this database"

// why a run is not continued; "" continues it.
func (p position) whyNot(server LSN, slotThere, slotLost bool) (reason string, diverged bool) {
	switch {
	case p.Closed != "":
		return p.Closed, p.Diverged
	case server < p.Synced:
		return fmt.Sprintf("the database is at %s, behind what the receiver had synced (%s): it is an older copy", server, p.Synced), true
	case slotLost:
		return "the receiver was away for so long that the database let its WAL go", false
	case !slotThere:
		return "the replication slot was not there, so WAL may be missing", false
	}
	return "", false
}

// openRun finds the run to continue, or makes the next one; reason is why it is new.
func openRun(dir string, id identity, slotThere, slotLost bool) (run, reason string, err error) {
	system := filepath.Join(dir, id.System)
	list, err := runsOf(system)
	if err != nil {
		return "", "", fmt.Errorf("looking for runs: %w", err)
	}
	next := runID{Timeline: id.Timeline, Number: 1}
	reason = firstRun
	if len(list) > 0 {
		reason = "the database was restored, and is on another timeline"
	}
	for _, old := range list {
		if old.Timeline != id.Timeline {
			continue
		}
		next.Number = old.Number + 1
		run = filepath.Join(system, old.String())
	}
	if run != "" {
		p, err := readPosition(run)
		if err != nil {
			return "", "", err
		}
		var diverged bool
		if reason, diverged = p.whyNot(id.Position, slotThere, slotLost); reason == "" {
			return run, "", nil
		}
		if p.Closed == "" {
			p.Closed, p.Diverged = reason, diverged
			if err := writePosition(run, p); err != nil {
				return "", "", err
			}
		}
	}
	run = filepath.Join(system, next.String())
	if err := os.MkdirAll(run, 0o700); err != nil {
		return "", "", fmt.Errorf("making a folder for the WAL: %w", err)
	}
	for _, d := range []string{dir, system} {
		if err := aside.SyncDir(d); err != nil {
			return "", "", err
		}
	}
	return run, reason, nil
}

// repair removes a partial segment of an odd size: pg_receivewal was killed while it filled it
// up with zeros, before any WAL came, and would refuse to go on.
func repair(run string, segment uint64) error {
	list, err := filepath.Glob(filepath.Join(run, "*"+partialSuffix))
	if err != nil {
		return err
	}
	for _, path := range list {
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("looking at a partial segment: %w", err)
		}
		if size := info.Size(); size != 0 && uint64(size) != segment {
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("removing a segment that was never filled: %w", err)
			}
		}
	}
	return nil
}

// segmentsIn lists a run's whole segments, in order.
func segmentsIn(run string, size uint64) (list []Segment, err error) {
	entries, err := os.ReadDir(run)
	for _, e := range entries {
		if s, ok := ParseSegment(e.Name(), size); ok {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b Segment) int { return strings.Compare(a.Name(size), b.Name(size)) })
	return list, err
}

// Belongs says whether a segment's file is WAL of the system and begins where its name says
// (XLogLongPageHeaderData in PostgreSQL's xlog_internal.h; it is in the order of the
// machine's bytes, which is little-endian wherever our images run).
func Belongs(path, system string, start LSN) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return belongs(f, path, system, start)
}

func belongs(f io.Reader, path, system string, start LSN) error {
	var header [32]byte
	if _, err := io.ReadFull(f, header[:]); err != nil {
		return fmt.Errorf("reading the header of %s: %w", path, err)
	}
	if got := binary.LittleEndian.Uint64(header[24:]); fmt.Sprint(got) != system {
		return fmt.Errorf("%s is WAL of the database system %d, not of %s; it is refused", path, got, system)
	}
	if got := LSN(binary.LittleEndian.Uint64(header[8:])); got != start {
		return fmt.Errorf("%s begins at %s, not at %s as its name says; it is refused", path, got, start)
	}
	return nil
}
