package receive

import (
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
	files, err := Find(o.Received, o.System, o.Say)
	if err != nil {
		return c, err
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
		added, err := o.add(ctx, files[name], to)
		if err != nil {
			return c, fmt.Errorf("adding %s, which was received: %w", name, err)
		}
		if added {
			c.Segments++
		}
	}
	return c, o.configure(c)
}

// add compresses a file into its place. The receiver goes on meanwhile: what was partial
// becomes whole, and what the archive has got is removed, which is no error.
func (o CompleteOptions) add(ctx context.Context, f File, to string) (added bool, err error) {
	for _, path := range slices.Compact([]string{f.Path, strings.TrimSuffix(f.Path, partialSuffix)}) {
		err = run.Run(ctx, run.Cmd{Name: "zstd", Args: []string{"-q", "-1", path, "-o", to}, Env: []string{"PATH=" + o.Path, "LC_ALL=C"}})
		if err == nil {
			return true, nil
		}
		if _, gone := os.Stat(path); !errors.Is(gone, fs.ErrNotExist) {
			return false, err
		}
	}
	return false, nil
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
