package setup

import (
	"fmt"
	"strings"
)

// nest moves the processes of a container out of the way. Inside one the own cgroup
// is not the root of the hierarchy, so it may not hold processes and hand controllers
// down at once (cgroups(7), "no internal processes"). Docker's dind does the same.
// At the real root, which has no cgroup.type, there is nothing to do.
const nest = `if [ -e /sys/fs/cgroup/cgroup.type ] && [ -z "$(cat /sys/fs/cgroup/cgroup.subtree_control)" ]; then
    mkdir -p /sys/fs/cgroup/init
    while read -r pid; do echo "$pid" >/sys/fs/cgroup/init/cgroup.procs || :; done </sys/fs/cgroup/cgroup.procs
    sed -e 's/ / +/g' -e 's/^/+/' /sys/fs/cgroup/cgroup.controllers >/sys/fs/cgroup/cgroup.subtree_control
fi
`

// cgroupStep mounts control groups where nobody did: a machine or container
// without systemd. It does what Debian's cgroupfs-mount does, and prefers the
// unified hierarchy where the kernel has all controllers free for it.
func cgroupStep(f Facts) (Step, bool) {
	g := f.Cgroups
	switch {
	case f.System.OS != "linux":
		return Step{}, false
	case g.Nested && !f.System.Systemd:
		return Step{Name: "cgroups", Script: nest,
			What: "move this container's processes into a control group of their own, so that the Engine can make others"}, true
	case g.Mounted || f.System.Systemd:
		return Step{}, false
	case g.Kernel2:
		return Step{Name: "cgroups", What: "mount the control groups that the Engine needs at /sys/fs/cgroup",
			Script: "mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 /sys/fs/cgroup\n" + nest}, true
	}
	var b strings.Builder
	b.WriteString("mount -t tmpfs -o uid=0,gid=0,mode=0755 cgroup /sys/fs/cgroup\n")
	fmt.Fprintf(&b, "for c in %s; do\n", strings.Join(g.V1, " "))
	b.WriteString(`    mkdir -p "/sys/fs/cgroup/$c"
    mount -n -t cgroup -o "$c" cgroup "/sys/fs/cgroup/$c" || rmdir "/sys/fs/cgroup/$c"
done
`)
	return Step{Name: "cgroups", What: "mount the control groups that the Engine needs below /sys/fs/cgroup", Script: b.String()}, true
}
