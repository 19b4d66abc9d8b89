// Package runid names the process that made an object for a test, so that who comes later can
// tell a crashed run's leftovers from what belongs to a run that goes on. It removes nothing.
package runid

import (
	"fmt"
	"os"
	"strings"
	"sync"
)

// Label marks everything that is made for a test; its value is an ID.
const Label = "drydock.test"

// ID identifies this process for the engine's lifetime: process id, its start time
// in clock ticks since boot, the boot, the process namespace and the machine.
func ID() string { return id() }

var id = sync.OnceValue(func() string { return thisProcess().String() })

// Of is the ID of another process in the namespace of this one; "" when it does not run.
func Of(pid int) string {
	p := thisProcess()
	p.pid, p.start = pid, startOf(pid)
	if p.start == unknown {
		return ""
	}
	return p.String()
}

// Gone says whether the process of an ID certainly does not run any more. What is no ID is not gone.
func Gone(id string) bool {
	p, ok := parseProcess(id)
	return ok && p.gone(thisProcess(), startOf)
}

// process is the owner of test objects.
type process struct {
	pid     int
	start   string // field 22 of /proc/PID/stat, proc(5)
	boot    string // beginning of the boot id
	space   string // inode of the process namespace
	machine string // beginning of the machine id; "none" where there is none
}

func (p process) String() string {
	return fmt.Sprintf("p%d-s%s-b%s-n%s-m%s", p.pid, p.start, p.boot, p.space, p.machine)
}

func parseProcess(id string) (process, bool) {
	var p process
	parts := strings.Split(id, "-")
	if len(parts) != 5 {
		return p, false
	}
	for i, want := range []byte{'p', 's', 'b', 'n', 'm'} {
		if len(parts[i]) < 2 || parts[i][0] != want {
			return p, false
		}
		parts[i] = parts[i][1:]
	}
	if _, err := fmt.Sscanf(parts[0], "%d", &p.pid); err != nil {
		return p, false
	}
	p.start, p.boot, p.space, p.machine = parts[1], parts[2], parts[3], parts[4]
	return p, true
}

// gone says whether the process certainly does not run any more. In doubt (another
// machine, another process namespace, a system without /proc) it says no: leftovers are
// a nuisance, removing the objects of a running test is a fault.
func (p process) gone(self process, startOf func(pid int) string) bool {
	switch {
	case self.boot == unknown || p.boot == unknown || self.machine != p.machine:
		return false
	case self.boot != p.boot:
		return p.machine != none // same machine, booted since
	case self.space != p.space || p.start == unknown:
		return false
	}
	return startOf(p.pid) != p.start
}

const (
	unknown = "0"
	none    = "none"
)

func thisProcess() process {
	p := process{pid: os.Getpid(), boot: unknown, space: unknown, machine: none}
	p.start = startOf(p.pid)
	if text, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		p.boot = strings.ReplaceAll(strings.TrimSpace(string(text)), "-", "")[:12]
	}
	if link, err := os.Readlink("/proc/self/ns/pid"); err == nil {
		p.space = strings.Trim(link, "pid:[]")
	}
	if text, err := os.ReadFile("/etc/machine-id"); err == nil && len(strings.TrimSpace(string(text))) >= 12 {
		p.machine = strings.TrimSpace(string(text))[:12]
	}
	return p
}

// startOf returns when a process started, or unknown when it does not run or the
// system has no /proc.
func startOf(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return unknown
	}
	// The second field is the program's name in parentheses, which may contain both.
	_, rest, ok := cutLast(string(text), ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 20 {
		return unknown
	}
	return fields[19]
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
