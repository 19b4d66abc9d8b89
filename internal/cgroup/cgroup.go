// Package cgroup says what a container may use: its memory and its processors.
//
// A program that sizes itself by the host's is killed under a small limit. Both
// generations of control groups are read:
//
//	v2  memory.max, cpu.max                 (Linux, Documentation/admin-guide/cgroup-v2.rst)
//	v1  memory.limit_in_bytes, cpu.cfs_*_us (Documentation/admin-guide/cgroup-v1/)
//
// docker/base/container-limit is the same for images without a Go program.
package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Limits is what a container may use.
type Limits struct {
	Memory int64 // bytes; 0 is no limit
	CPUs   int   // whole processors, at least 1: the quota rounded up
}

// none is where v1 begins to mean "no limit": it writes a number near 2^63, and 16
// decimal digits are 9 petabytes.
const none = 1_0000_0000_0000_0000

// Read reads the limits of the caller's control group below root (/sys/fs/cgroup of the
// container). online is the number of processors that the process may run on at all.
func Read(root fs.FS, online int) (Limits, error) {
	l := Limits{CPUs: max(1, online)}
	memory, err := first(root, "memory.max", "memory/memory.limit_in_bytes")
	if err != nil {
		return l, err
	}
	if n, err := strconv.ParseInt(memory, 10, 64); err == nil && n < none {
		l.Memory = n
	}
	both, err := first(root, "cpu.max")
	if err != nil {
		return l, err
	}
	quota, period, _ := strings.Cut(both, " ")
	if both == "" {
		if quota, err = first(root, "cpu/cpu.cfs_quota_us", "cpu,cpuacct/cpu.cfs_quota_us"); err != nil {
			return l, err
		}
		if period, err = first(root, "cpu/cpu.cfs_period_us", "cpu,cpuacct/cpu.cfs_period_us"); err != nil {
			return l, err
		}
	}
	q, errQ := strconv.Atoi(quota)
	p, errP := strconv.Atoi(strings.TrimSpace(period))
	if errQ == nil && errP == nil && q > 0 && p > 0 {
		l.CPUs = min(l.CPUs, max(1, (q+p-1)/p))
	}
	return l, nil
}

// first is the content of the first file that exists; "" when none does, as on a machine
// without control groups.
func first(root fs.FS, names ...string) (string, error) {
	for _, name := range names {
		content, err := fs.ReadFile(root, name)
		if err == nil {
			return strings.TrimSpace(string(content)), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("reading the limits of this container: %w", err)
		}
	}
	return "", nil
}
