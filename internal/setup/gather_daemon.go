package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// lookDaemon reads the pid files that a dockerd leaves and finds out what became
// of their processes.
func lookDaemon(d Daemon) DaemonFact {
	var f DaemonFact
	pid, ok := readPID(d.pidFile())
	if ok {
		f.PID = pid
		f.Found, f.Alive = describe(pid, "dockerd")
		f.Stale = !f.Alive
	}
	if child, ok := readPID(containerdFile(d, "containerd.pid")); ok {
		// A containerd that survived is adopted by the next dockerd; one that is
		// dead, or whose number someone else has got since, would be waited for in vain.
		_, alive := describe(child, "containerd")
		f.Leftover = !alive
	}
	return f
}

// readPID reads a pid file. One without a number, as a full disk leaves it, counts
// as pid 0, which is nobody.
func readPID(path string) (int, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false // none, or not ours to see
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, true
	}
	return pid, true
}

// describe says what a process is, and whether it is a living one of that name.
// dockerd itself only asks whether the number is in use, and refuses to start when
// another program got it, or when the dead one was not yet waited for, as happens in
// containers whose first process reaps nobody.
func describe(pid int, name string) (found string, alive bool) {
	if pid <= 0 {
		return "names no process", false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, fs.ErrNotExist) {
		return "is dead", false
	}
	if err != nil {
		return "cannot be looked at: " + err.Error(), false
	}
	comm, state := parseStat(string(stat))
	switch {
	case state == "Z" || state == "X":
		return "is dead", false
	case comm != name:
		return "is " + comm, false
	}
	return "is " + comm, true
}

// parseStat takes the name and the state out of proc_pid_stat(5). The name is in
// parentheses and may itself contain any of them.
func parseStat(stat string) (comm, state string) {
	open, end := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return "", ""
	}
	rest := strings.Fields(stat[end+1:])
	if len(rest) == 0 {
		return stat[open+1 : end], ""
	}
	return stat[open+1 : end], rest[0]
}
