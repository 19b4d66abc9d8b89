package setup

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

func itoa(n int) string { return strconv.Itoa(n) }

// lookDisk measures the file system of the engine's data root, or of the nearest
// folder above it that exists and may be seen.
func lookDisk(o Options, e EngineFact) DiskFact {
	if !e.Local {
		return DiskFact{}
	}
	path := or(e.DataRoot, o.Daemon.dataRoot())
	for {
		var st syscall.Statfs_t
		err := syscall.Statfs(path, &st)
		if err == nil {
			return DiskFact{Path: path, Free: st.Bavail * uint64(st.Bsize)}
		}
		parent := filepath.Dir(path)
		if parent == path {
			return DiskFact{Err: "measuring the room in " + path + ": " + err.Error()}
		}
		path = parent
	}
}

// lookMemory reads MemTotal, which proc_meminfo(5) gives in KiB.
func lookMemory() uint64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) >= 2 && words[0] == "MemTotal:" {
			kib, err := strconv.ParseUint(words[1], 10, 64)
			if err != nil {
				return 0
			}
			return kib << 10
		}
	}
	return 0
}

const cgroupRoot = "/sys/fs/cgroup"

// engineControllers are the ones that the Engine limits containers with.
var engineControllers = []string{"cpuset", "cpu", "cpuacct", "blkio", "memory", "devices", "freezer", "pids"}

// lookCgroups reads the kernel's own tables. Whatever cannot be read looks
// unmounted, and mounting says what is wrong.
func lookCgroups() CgroupFact {
	var g CgroupFact
	mounts, _ := os.ReadFile("/proc/self/mounts")
	g.readMounts(string(mounts))
	controllers, _ := os.ReadFile("/proc/cgroups")
	filesystems, _ := os.ReadFile("/proc/filesystems")
	g.readControllers(string(controllers), string(filesystems))
	if g.V2 {
		// cgroup.type exists everywhere but at the real root (cgroups(7)).
		_, err := os.Stat(cgroupRoot + "/cgroup.type")
		down, _ := os.ReadFile(cgroupRoot + "/cgroup.subtree_control")
		procs, _ := os.ReadFile(cgroupRoot + "/cgroup.procs")
		g.Nested = err == nil && len(strings.TrimSpace(string(down))) == 0 && len(procs) > 0 &&
			syscall.Access(cgroupRoot, 2) == nil // W_OK: not the read-only mount of a plain container
	}
	return g
}

// readMounts reads lines of "device target type options ...", see proc_mounts(5).
func (g *CgroupFact) readMounts(text string) {
	s := bufio.NewScanner(strings.NewReader(text))
	for s.Scan() {
		words := strings.Fields(s.Text())
		if len(words) < 4 {
			continue
		}
		switch target, kind := words[1], words[2]; {
		case kind == "cgroup2" && target == cgroupRoot:
			g.Mounted, g.V2 = true, true
		case kind == "cgroup" && strings.HasPrefix(target, cgroupRoot+"/") &&
			slices.Contains(strings.Split(words[3], ","), "devices"):
			g.Mounted = true // dockerd does not start without the devices controller
		}
	}
}

// readControllers reads "name hierarchy cgroups enabled" lines; a hierarchy other
// than 0 belongs to version 1.
func (g *CgroupFact) readControllers(text, filesystems string) {
	bound := false
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) != 4 || strings.HasPrefix(words[0], "#") || words[3] != "1" {
			continue
		}
		if slices.Contains(engineControllers, words[0]) {
			g.V1 = append(g.V1, words[0])
		}
		bound = bound || words[1] != "0"
	}
	g.Kernel2 = strings.Contains(filesystems, "\tcgroup2\n") && !bound
}
