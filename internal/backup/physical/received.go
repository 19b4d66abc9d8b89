package physical

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Received is a file of the log that a receiver keeps beside the repository (package receive).
type Received struct {
	Name    string    // of a segment, or of a timeline's history
	Time    time.Time // when it was last written to
	Partial bool      // a segment that was being filled
	History string    // what a history says
}

// With is the archive continued by what was received: whoever restores has that at hand, too.
// What the repository has itself is taken from there.
func (a Archive) With(list []Received) (Archive, error) {
	all := Archive{Segments: maps.Clone(a.Segments), Timelines: slices.Clone(a.Timelines)}
	for _, r := range list {
		if m := history.FindStringSubmatch(r.Name); m != nil {
			t, err := parseHistory(m[1], r.History)
			if err != nil {
				return a, err
			}
			if !slices.ContainsFunc(all.Timelines, func(o Timeline) bool { return o.ID == t.ID }) {
				t.Created, t.Received = r.Time.UTC(), true
				all.Timelines = append(all.Timelines, t)
			}
			continue
		}
		s, ok := parseSegment(r.Name)
		if _, has := all.Segments[s.Name()]; !ok || has {
			continue
		}
		s.Time, s.Received, s.Partial = r.Time.UTC(), true, r.Partial
		all.Segments[s.Name()] = s
	}
	slices.SortFunc(all.Timelines, func(x, y Timeline) int { return cmp.Compare(x.ID, y.ID) })
	return all, nil
}

// Fill fetches what only the receiver had when the target was chosen and which is not in the
// folder now: the receiver lets go of what was archived meanwhile, and without it the
// recovery would end early and say nothing.
func (r Repo) Fill(ctx context.Context, t Target, dir string) error {
	for _, name := range t.Received {
		_, err := os.Stat(filepath.Join(dir, LogDir, name+".zst"))
		if errors.Is(err, fs.ErrNotExist) {
			err = r.get(ctx, name, dir)
		}
		if err != nil {
			return fmt.Errorf("fetching the log that was received when this began: %w", err)
		}
	}
	return nil
}
