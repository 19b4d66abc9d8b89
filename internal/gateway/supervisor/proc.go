package supervisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Worker is a worker process of nginx.
type Worker struct {
	Pid   int    `json:"pid"`
	Start uint64 `json:"start"` // in clock ticks since the machine's start; with Pid it names a process for good
	Old   bool   `json:"old"`   // it finishes what it has and takes nothing new
}

// same says whether two are one process, whatever its state.
func (w Worker) same(o Worker) bool { return w.Pid == o.Pid && w.Start == o.Start }

// process is a line of /proc.
type process struct {
	pid, parent int
	start       uint64
	zombie      bool
	title       string
}

// workers lists the worker processes of a master, oldest first.
func workers(proc string, master int) ([]Worker, error) {
	all, err := processes(proc)
	if err != nil {
		return nil, err
	}
	var out []Worker
	for _, p := range all {
		// nginx sets its processes' titles; the cache's helpers have others.
		if p.parent == master && !p.zombie && strings.HasPrefix(p.title, "nginx: worker process") {
			out = append(out, Worker{Pid: p.pid, Start: p.start, Old: strings.Contains(p.title, "shutting down")})
		}
	}
	slices.SortFunc(out, func(a, b Worker) int {
		if a.Start != b.Start {
			if a.Start < b.Start {
				return -1
			}
			return 1
		}
		return a.Pid - b.Pid
	})
	return out, nil
}

func processes(proc string) ([]process, error) {
	dirs, err := os.ReadDir(proc)
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	var out []process
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(filepath.Join(proc, d.Name(), "stat"))
		if err != nil {
			continue // it ended meanwhile
		}
		p, ok := parseStat(stat)
		if !ok {
			continue
		}
		p.pid = pid
		title, err := os.ReadFile(filepath.Join(proc, d.Name(), "cmdline"))
		if err == nil {
			p.title = string(bytes.TrimRight(bytes.ReplaceAll(title, []byte{0}, []byte{' '}), " "))
		}
		out = append(out, p)
	}
	return out, nil
}

// parseStat reads /proc/PID/stat (proc(5)): the name in parentheses may hold anything.
func parseStat(stat []byte) (process, bool) {
	end := bytes.LastIndexByte(stat, ')')
	if end < 0 {
		return process{}, false
	}
	fields := strings.Fields(string(stat[end+1:]))
	if len(fields) < 20 {
		return process{}, false
	}
	parent, err1 := strconv.Atoi(fields[1])
	start, err2 := strconv.ParseUint(fields[19], 10, 64)
	return process{parent: parent, start: start, zombie: fields[0] == "Z"}, err1 == nil && err2 == nil
}

// reap takes the ends of processes that became ours because their parents ended, which
// is process 1's duty. Our own children are waited for elsewhere, at once; so what is
// still a zombie a whole round later is nobody's.
func reap(ctx context.Context, every time.Duration) {
	self := os.Getpid()
	before := map[int]uint64{}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		all, err := processes("/proc")
		if err != nil {
			continue
		}
		now := map[int]uint64{}
		for _, p := range all {
			if p.parent != self || !p.zombie {
				continue
			}
			if start, seen := before[p.pid]; !seen || start != p.start {
				now[p.pid] = p.start
				continue
			}
			if _, err := syscall.Wait4(p.pid, nil, syscall.WNOHANG, nil); errors.Is(err, syscall.EINTR) {
				now[p.pid] = p.start
			}
		}
		before = now
	}
}
