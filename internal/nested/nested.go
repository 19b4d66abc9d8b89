// Package nested says how an Engine runs inside of a container, as a fresh machine to measure or
// test on. It owns the rights that takes and the state such a machine begins in; what it is
// filled with and what runs on it is its callers'. Nothing of a site runs in such a container.
package nested

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// Bare is a script for the container, to run before anything else: as on a machine whose init
// mounts no control groups.
const Bare = "mount -o remount,rw /sys; umount -R /sys/fs/cgroup"

// Data is where its Engine keeps everything: a volume belongs there, since an overlay needs a
// real file system below.
const Data = "/var/lib/docker"

var bounding = regexp.MustCompile(`(?m)^CapBnd:\s+([0-9a-f]+)$`)

// Options are the words for `docker run` with the rights that a nested Engine needs. --privileged
// wants every capability that the kernel knows; where this machine itself does not have all of
// them (inside a virtual machine's sandbox), the ones that there are have to do.
func Options() ([]string, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil, fmt.Errorf("looking for the capabilities of this machine: %w", err)
	}
	last, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		return nil, fmt.Errorf("looking for the capabilities of this machine: %w", err)
	}
	return options(string(status), string(last))
}

func options(status, last string) ([]string, error) {
	m := bounding.FindStringSubmatch(status)
	if m == nil {
		return nil, fmt.Errorf("looking for the capabilities of this machine: no CapBnd in /proc/self/status")
	}
	have, err := strconv.ParseUint(m[1], 16, 64)
	if err != nil {
		return nil, fmt.Errorf("looking for the capabilities of this machine: %w", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(last))
	if err != nil {
		return nil, fmt.Errorf("looking for the capabilities of this machine: %w", err)
	}
	if have == 1<<(n+1)-1 {
		return []string{"--privileged"}, nil
	}
	words := []string{"--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined",
		"--security-opt", "systempaths=unconfined", "--device-cgroup-rule", "a *:* rwm"}
	for bit, name := range capabilities {
		if have&(1<<bit) != 0 {
			words = append(words, "--cap-add", name)
		}
	}
	return words, nil
}

// capabilities by their numbers, see capabilities(7); the ones after 37 are unknown to Engine
// 20.10 and not needed.
var capabilities = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP
LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT
SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE
AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ`)
