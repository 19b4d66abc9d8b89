package physical

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"drydock/internal/run"
)

// Relay passes the log on that one repository has and another one lacks, oldest first, and
// says how many segments it were. It may be repeated at any time, and be cut off.
func Relay(ctx context.Context, from, to Repo, scratch string) (n int, err error) {
	source, err := from.Info(ctx)
	if err != nil || !source.Exists {
		return 0, err
	}
	have, err := from.Archive(ctx, source.Newest())
	if err != nil {
		return 0, err
	}
	target, err := to.Info(ctx)
	if err != nil {
		return 0, err
	}
	got := Archive{Segments: map[string]Segment{}}
	same := slices.IndexFunc(target.Clusters, func(c Cluster) bool { return c.SystemID == source.Newest().SystemID })
	if same < 0 {
		return 0, fmt.Errorf("passing the log on to repository %s: %w: %s", to.Name, ErrCluster, clusterFix)
	}
	// A repository without any log has no such folder yet.
	if got, err = to.Archive(ctx, target.Clusters[same]); err != nil {
		return 0, err
	}
	var names []string
	for name := range have.Segments {
		if _, ok := got.Segments[name]; !ok {
			names = append(names, name)
		}
	}
	for _, t := range have.Timelines {
		if t.ID > 1 && !slices.ContainsFunc(got.Timelines, func(o Timeline) bool { return o.ID == t.ID }) {
			names = append(names, fmt.Sprintf("%08X.history", t.ID))
		}
	}
	// By place, not by timeline: and a history before the log that needs it to be understood.
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(a[min(8, len(a)):], b[min(8, len(b)):]) })
	dir, err := os.MkdirTemp(scratch, "relay-")
	if err != nil {
		return 0, fmt.Errorf("passing the log on: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, name := range names {
		if err := context.Cause(ctx); err != nil {
			return n, err
		}
		path := filepath.Join(dir, name)
		if _, err := from.call(ctx, "archive-get", name, path); err != nil {
			return n, err
		}
		if _, err := to.call(ctx, "archive-push", path); err != nil {
			return n, err
		}
		if err := os.Remove(path); err != nil {
			return n, fmt.Errorf("passing the log on: %w", err)
		}
		n++
	}
	return n, nil
}

// Get writes one segment of the log, as PostgreSQL wants it, compressed: what a switch leaves
// of a segment is zeros, and a day of them would be 23 GB.
//
// It goes beside the data that was restored: pgBackRest reads there whose log it is.
func (r Repo) get(ctx context.Context, name, data string) error {
	plain := filepath.Join(data, LogDir, name)
	if _, err := r.call(ctx, "archive-get", "--pg1-path="+data, name, plain); err != nil {
		return err
	}
	err := run.Run(ctx, run.Cmd{Name: "zstd", Args: []string{"-q", "-1", "--rm", plain}, Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin"}})
	if err != nil {
		return fmt.Errorf("compressing %s: %w", name, err)
	}
	return nil
}
