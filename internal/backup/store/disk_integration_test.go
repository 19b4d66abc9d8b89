//go:build integration

package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// 8 MiB for a backup that needs more: an error, no backup, the old one intact, and room
// for the next. bcgov/backup-container 137 reported success with a size of 0.
func TestAFullDisk(t *testing.T) { inOwnMounts(t, "full") }

// A disk that cannot be read back fails the backup before it is published.
func TestAFileThatCannotBeReadBack(t *testing.T) { inOwnMounts(t, "unreadable") }

func inOwnMounts(t *testing.T, do string) {
	t.Helper()
	cmd := command(t, do, t.TempDir(), -1)
	apart(cmd)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

const diskSize = 8 << 20

// inFullOrBadDisk runs in a process with mounts of its own; they end with it.
func inFullOrBadDisk(ctx context.Context, do, root string) error {
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keeping the mounts to ourselves: %w", err)
	}
	if err := unix.Mount("tmpfs", root, "tmpfs", 0, fmt.Sprintf("size=%d", diskSize)); err != nil {
		return fmt.Errorf("mounting a small disk: %w", err)
	}
	s, err := Open(root, Options{})
	if err != nil {
		return err
	}
	backup := func(bytes int) (Backup, error) {
		w, err := s.Begin(ctx, Spec{Kind: KindDump, Database: "app"})
		if err != nil {
			return Backup{}, err
		}
		path := filepath.Join(w.Dir(), "dump")
		if err := os.WriteFile(path, make([]byte, bytes), 0o600); err != nil {
			return Backup{}, errors.Join(s.wrap("dumping", err), w.Abort(err))
		}
		return w.Commit(ctx, Done{Verify: good})
	}
	old, err := backup(2 << 20)
	if err != nil {
		return err
	}
	var want error
	switch do {
	case "full":
		want = unix.ENOSPC
		_, err = backup(2 * diskSize)
	case "unreadable":
		want = unix.EIO
		// Once the file is synced, it is covered by one that is plain, too, and whose reading
		// fails with an I/O error: the first page of a process is never mapped.
		var covered error
		s.hook = func(step string) {
			if step == "synced file" {
				covered = coverPartial(root, func(path string) error { return unix.Mount("/proc/self/mem", path, "", unix.MS_BIND, "") })
			}
		}
		_, err = backup(1 << 20)
		s.hook = nil
		if covered != nil {
			return covered
		}
	}
	if !errors.Is(err, want) {
		return fmt.Errorf("wanted %w, got: %w", want, err)
	}
	if do == "unreadable" {
		// A mount point cannot be deleted: that is said, and the next run does it.
		if err := coverPartial(root, func(path string) error { return unix.Unmount(path, 0) }); err != nil {
			return err
		}
	}
	if err := only(ctx, s, old.ID); err != nil {
		return err
	}
	failures, err := s.Failures()
	if err != nil || len(failures) != 1 {
		return fmt.Errorf("failures %+v: %w", failures, err)
	}
	if _, err := s.Begin(ctx, Spec{Kind: KindDump, Expect: diskSize}); !errors.As(err, new(*NoSpaceError)) {
		return fmt.Errorf("a backup that cannot fit was started: %w", err)
	}
	// The last room goes at the worst moments: before the record, and before there is anything.
	filler := filepath.Join(root, "filler")
	s.hook = func(step string) {
		if step == "verified" {
			_ = fillUp(filler)
		}
	}
	_, err = backup(1 << 20)
	s.hook = nil
	if !errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("full when the record was to be written: %w", err)
	}
	if err := errors.Join(only(ctx, s, old.ID), fillUp(filler)); err != nil {
		return err
	}
	if _, err := backup(1); !errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("on a disk without any room: %w", err)
	}
	if err := errors.Join(only(ctx, s, old.ID), os.Remove(filler)); err != nil {
		return err
	}
	next, err := backup(4 << 20)
	if err != nil {
		return fmt.Errorf("the space did not come back: %w", err)
	}
	return only(ctx, s, old.ID, next.ID)
}

// coverPartial does it to the file of the backup that is being written.
func coverPartial(root string, do func(path string) error) error {
	paths, err := filepath.Glob(filepath.Join(root, backupsDir, partialPrefix+"*", filesDir, "dump"))
	if err != nil || len(paths) != 1 {
		return fmt.Errorf("files that are being written: %v, %w", paths, err)
	}
	return do(paths[0])
}

// fillUp makes a file of all the room that is left.
func fillUp(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, unix.ENOSPC) {
		return err
	}
	return f.Close()
}

// only makes sure that exactly these are listed, and good.
func only(ctx context.Context, s *Store, ids ...string) error {
	reports, err := s.VerifyAll(ctx)
	if err != nil {
		return err
	}
	for i, r := range reports {
		if !r.OK() || i >= len(ids) || r.Backup.ID != ids[i] {
			return fmt.Errorf("wanted %v good, got %s: %v", ids, r.Backup.ID, r.Problems)
		}
	}
	if len(reports) != len(ids) {
		return fmt.Errorf("wanted %v, got %d", ids, len(reports))
	}
	return nil
}
