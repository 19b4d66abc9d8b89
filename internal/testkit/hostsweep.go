package testkit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"drydock/internal/testkit/runid"
)

var crashedHosts sync.Once

// sweepHosts removes, once a process, what hosts of crashed tests left behind.
func sweepHosts(t testing.TB) {
	t.Helper()
	crashedHosts.Do(func() { removeCrashedHosts(t) })
}

// removeCrashedHosts removes namespaces and data of hosts whose test process is gone. Their
// own processes went with it.
func removeCrashedHosts(t testing.TB) {
	t.Helper()
	owners, err := filepath.Glob(hostDirs + "*/owner")
	if err != nil {
		t.Fatalf("looking for hosts of crashed tests: %v", err)
	}
	for _, path := range owners {
		id, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // its test has just ended
		}
		if err != nil {
			t.Fatalf("looking for hosts of crashed tests: %v", err)
		}
		if !runid.Gone(string(id)) {
			continue
		}
		t.Logf("removing the hosts that test run %s left behind", id)
		if err := removeHosts(filepath.Dir(path)); err != nil {
			t.Errorf("removing the hosts of a crashed test: %v", err)
		}
	}
}

// removeHosts removes all namespaces of a test's hosts, which takes their links along, and
// their data; the folder last, because it says that there is something to remove.
func removeHosts(dir string) error {
	spaces, err := filepath.Glob("/run/netns/" + filepath.Base(dir) + "-*")
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range spaces {
		errs = append(errs, ip([]string{"netns", "delete", filepath.Base(s)}), removeCgroup(filepath.Base(s)))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range list {
		if e.Name() != "owner" {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

func removeCgroups(t testing.TB, name string) {
	t.Helper()
	if err := removeCgroup(name); err != nil {
		t.Errorf("removing the control groups of a host: %v", err)
	}
}

// removeCgroup removes the empty control groups of a host's containers, in version 1's
// hierarchies and in version 2's.
func removeCgroup(name string) error {
	roots, err := filepath.Glob("/sys/fs/cgroup/*/" + name)
	if err != nil {
		return err
	}
	roots = append(roots, "/sys/fs/cgroup/"+name)
	var errs []error
	for _, root := range roots {
		var folders []string
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				folders = append(folders, path)
			}
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		})
		errs = append(errs, err)
		// The inner ones first; the files in them are the kernel's and go with them.
		slices.SortFunc(folders, func(a, b string) int { return strings.Count(b, "/") - strings.Count(a, "/") })
		for _, f := range folders {
			if err := os.Remove(f); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, fmt.Errorf("removing the control group %s: %w", f, err))
			}
		}
	}
	return errors.Join(errs...)
}
