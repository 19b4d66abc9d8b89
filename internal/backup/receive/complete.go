package receive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"drydock/internal/aside"
	"drydock/internal/run"
)

// CompleteOptions say which data directory gets what was received.
type CompleteOptions struct {
	Received string // the receiver's folder
	System   string // identifier of the database that is restored
	Data     string // a data directory that was restored, on which no server has started yet
	Log      string // folder below Data from which its restore_command reads <segment>.zst
	Latest   bool   // to the end of the WAL, also of a timeline that the archive lacks
	Path     string // folders like in PATH, of zstd
	Say      func(string)
}

// Completed says what was added.
type Completed struct {
	Segments int
	Last     string // the newest one
	Timeline uint32 // of that; 0 when nothing was received for this database
}

// Complete adds the WAL that was received and that the archive lacks, to the last byte: the
// segment that was being filled is there under its name, too; the zeros after what had
// come are where a recovery ends. It also takes away that commits wait for the receiver: the
// restored server begins without, and the guard switches it on again.
func Complete(ctx context.Context, o CompleteOptions) (c Completed, err error) {
	files, err := find(o)
	if err != nil {
		return c, fmt.Errorf("looking for WAL that was received: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		to := filepath.Join(o.Data, o.Log, name+".zst")
		if segmentName.MatchString(name) {
			timeline, _ := strconv.ParseUint(name[:8], 16, 32) // the expression has seen that it is one
			c.Timeline, c.Last = max(c.Timeline, uint32(timeline)), name
		}
		if _, err := os.Stat(to); err == nil {
			continue // the archive's
		}
		err := run.Run(ctx, run.Cmd{Name: "zstd", Args: []string{"-q", "-1", files[name].path, "-o", to}, Env: []string{"PATH=" + o.Path, "LC_ALL=C"}})
		if err != nil {
			return c, fmt.Errorf("adding %s, which was received: %w", name, err)
		}
		c.Segments++
	}
	return c, o.configure(c)
}

// found is the best file for a name.
type found struct {
	path   string
	whole  bool
	filled int // of a partial one: bytes that are not zero
}

// find chooses among the runs of the database. Whole beats partial; of two partial ones, which
// begin alike, the fuller one is later.
func find(o CompleteOptions) (map[string]found, error) {
	system := filepath.Join(o.Received, o.System)
	runs, err := runsOf(system)
	if err != nil {
		return nil, err
	}
	best := map[string]found{}
	for _, id := range runs {
		folder := filepath.Join(system, id.String())
		p, err := readPosition(folder)
		if err != nil {
			return nil, err
		}
		if p.Diverged {
			o.Say("left out " + folder + ": " + p.Closed)
			continue
		}
		entries, err := os.ReadDir(folder)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			name, partial := strings.CutSuffix(e.Name(), partialSuffix)
			f := found{path: filepath.Join(folder, e.Name()), whole: !partial}
			switch {
			case historyName.MatchString(name):
			case segmentName.MatchString(name):
				use, err := f.look(name, o)
				if err != nil {
					return nil, err
				}
				if !use {
					continue
				}
			default:
				continue
			}
			if old, ok := best[name]; !ok || f.whole && !old.whole || f.whole == old.whole && f.filled >= old.filled {
				best[name] = f
			}
		}
	}
	return best, nil
}

var historyName = regexp.MustCompile(`^[0-9A-F]{8}\.history$`)

// look reads a segment: whether it is this database's, and how full.
func (f *found) look(name string, o CompleteOptions) (use bool, err error) {
	data, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) { // it has become whole just now, or the archive has it and it was removed
		f.path, f.whole = strings.TrimSuffix(f.path, partialSuffix), true
		if data, err = os.ReadFile(f.path); errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
	}
	if err != nil {
		return false, err
	}
	f.filled = len(data) - bytes.Count(data, []byte{0})
	if f.filled == 0 {
		return false, nil // nothing had come yet
	}
	s, ok := ParseSegment(name, uint64(len(data)))
	if !ok {
		o.Say(fmt.Sprintf("left out %s: a segment cannot have %d bytes", f.path, len(data)))
		return false, nil
	}
	if err := belongs(bytes.NewReader(data), f.path, o.System, s.Start(uint64(len(data)))); err != nil {
		o.Say(err.Error())
		return false, nil
	}
	return true, nil
}

var ourLines = regexp.MustCompile(`(?m)^(synchronous_standby_names|max_slot_wal_keep_size)\s*=.*\n?`)

// configure changes what the server will read last.
func (o CompleteOptions) configure(c Completed) error {
	path := filepath.Join(o.Data, "postgresql.auto.conf")
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading the restored settings: %w", err)
	}
	text = ourLines.ReplaceAll(text, nil)
	if o.Latest && c.Timeline > 1 {
		history := filepath.Join(o.Data, o.Log, fmt.Sprintf("%08X.history.zst", c.Timeline))
		if _, err := os.Stat(history); err == nil {
			text = append(text, fmt.Sprintf("recovery_target_timeline = '%d'\n", c.Timeline)...)
		}
	}
	return aside.Write(path, 0o600, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}
