package security

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"drydock/internal/engine"
)

func containerRules() []Rule {
	return []Rule{
		{ID: "CIS-5.2", Source: cis + ", 5.2", Title: "AppArmor confines every container, where the kernel has it", TitleZh: "内核支持 AppArmor 时，每个容器都受其约束",
			Why: "The profile forbids what no service needs: mounting, writing to /proc and /sys.", Fix: "Take apparmor=unconfined away.",
			Check: each(func(f Facts, c engine.Confinement) string {
				if f.linuxModule("apparmor") && c.State == engine.Running && (c.AppArmor == "" || c.AppArmor == "unconfined") {
					return "no AppArmor profile"
				}
				return option(c, "apparmor", "unconfined")
			})},
		{ID: "CIS-5.3", Source: cis + ", 5.3", Title: "SELinux confines every container, where the engine uses it", TitleZh: "引擎启用 SELinux 时，每个容器都受其约束",
			Why: "Its labels keep a container from the files of the machine and of other containers.", Fix: "Take label=disable away.",
			Check: alone(func(c engine.Confinement) string { return option(c, "label", "disable") })},
		{ID: "CIS-5.4", Source: cis + ", 5.4", Title: "Containers have no capabilities", TitleZh: "容器不持有任何内核能力",
			Why: "Docker's default set has some that help an intruder, such as NET_RAW and SETUID.", Fix: "cap_drop: [ALL]; add single ones only with a reason.",
			Check: alone(func(c engine.Confinement) string {
				switch {
				case len(c.CapAdd) > 0:
					return "has " + strings.Join(c.CapAdd, ", ") + " added"
				case !slices.Contains(c.CapDrop, "ALL"):
					return "has the default capabilities"
				}
				return ""
			})},
		{ID: "CIS-5.5", Source: cis + ", 5.5", Title: "No container is privileged", TitleZh: "没有特权容器",
			Why: "Privileged is root on the machine in all but name.", Fix: "Take privileged away; give the one device or capability that is needed.",
			Check: alone(when(func(c engine.Confinement) bool { return c.Privileged }, "is privileged"))},
		{ID: "CIS-5.6", Source: cis + ", 5.6", Title: "No folder of the system is mounted", TitleZh: "没有挂载宿主机的系统目录",
			Why: "Who can write to /etc or /boot owns the machine; who reads them knows its secrets.", Fix: "Mount a volume, or the one folder that is needed.",
			Check: alone(systemFolder)},
		{ID: "CIS-5.7", Source: cis + ", 5.7", Title: "No SSH server runs in a container", TitleZh: "容器内没有运行 SSH 服务",
			Why: "A second entrance with users and keys of its own.", Fix: "Use docker exec; take sshd out of the image.",
			Check: alone(func(c engine.Confinement) string {
				for _, p := range c.Processes {
					if program := path.Base(strings.TrimSuffix(cut(p.Args), ":")); program == "sshd" || program == "dropbear" {
						return "runs " + program
					}
				}
				return ""
			})},
		{ID: "CIS-5.11", Source: cis + ", 5.11", Title: "Memory is limited", TitleZh: "内存有上限",
			Why: "A leak in one service must not take the memory of all.", Fix: "Set mem_limit; every service has a setting <SERVICE>_MEMORY.",
			Check: alone(when(func(c engine.Confinement) bool { return c.Memory == 0 }, "no memory limit"))},
		{ID: "CIS-5.12", Source: cis + ", 5.12", Title: "Processor time is shared out", TitleZh: "分配了处理器份额",
			Why: "One busy service can starve the others.", Fix: "Set cpus or cpu_shares.",
			Check: alone(when(func(c engine.Confinement) bool { return c.CPUShares == 0 && c.CPUs == 0 }, "default share of the processor"))},
		{ID: "CIS-5.13", Source: cis + ", 5.13", Title: "The root file system is read-only", TitleZh: "根文件系统只读",
			Why: "An intruder can leave nothing behind, and the running image is the one that was checked.", Fix: "read_only: true, and tmpfs or volumes where it must write.",
			Check: alone(when(func(c engine.Confinement) bool { return !c.ReadOnly }, "the root file system can be written"))},
		{ID: "CIS-5.15", Source: cis + ", 5.15", Title: "Restarts after a failure have an end (on-failure, at most 5)", TitleZh: "失败后的重启有次数上限（on-failure，最多 5 次）",
			Why: "A service that dies at once, again and again, takes the machine's time.", Fix: "restart: on-failure:5.",
			Check: alone(func(c engine.Confinement) string {
				if c.Restart == "no" || c.Restart == "" || c.Restart == "on-failure" && c.RestartLimit > 0 && c.RestartLimit <= 5 {
					return ""
				}
				return "restart policy " + c.Restart
			})},
		{ID: "CIS-5.18", Source: cis + ", 5.18", Title: "No device of the machine is given to a container", TitleZh: "没有把宿主机设备交给容器",
			Why: "A disk that can be read raw has no permissions.", Fix: "Take devices away.",
			Check: alone(func(c engine.Confinement) string {
				if len(c.Devices) > 0 {
					return "has " + strings.Join(c.Devices, ", ")
				}
				return ""
			})},
		{ID: "CIS-5.20", Source: cis + ", 5.20", Title: "Mounts are not propagated to the machine", TitleZh: "挂载不会传播到宿主机",
			Why: "With shared, what is mounted inside appears outside.", Fix: "Leave the propagation at rprivate.",
			Check: alone(func(c engine.Confinement) string {
				for from, p := range c.Propagation {
					if strings.HasSuffix(p, "shared") {
						return from + " is mounted " + p
					}
				}
				return ""
			})},
		{ID: "CIS-5.22", Source: cis + ", 5.22", Title: "The seccomp profile is on", TitleZh: "启用了 seccomp 配置",
			Why: "It takes away the system calls through which most kernel holes are used.", Fix: "Take seccomp=unconfined away.",
			Check: alone(func(c engine.Confinement) string { return option(c, "seccomp", "unconfined") })},
		{ID: "CIS-5.25", Source: cis + ", 5.25", Title: "Containers are in the engine's own control group", TitleZh: "容器位于引擎自己的控制组内",
			Why: "Another parent group may have no limits.", Fix: "Take cgroup_parent away.",
			Check: alone(func(c engine.Confinement) string {
				if c.CgroupParent != "" && c.CgroupParent != "docker" && !strings.HasPrefix(c.CgroupParent, "/docker/") {
					return "its control group's parent is " + c.CgroupParent
				}
				return ""
			})},
		{ID: "CIS-5.26", Source: cis + ", 5.26", Title: "No process can gain privileges", TitleZh: "进程无法提升权限",
			Why: "A setuid program in the image does nothing then.", Fix: `security_opt: ["no-new-privileges:true"].`,
			Check: alone(func(c engine.Confinement) string {
				for _, o := range c.SecurityOpt {
					switch strings.ReplaceAll(o, "=", ":") {
					case "no-new-privileges", "no-new-privileges:true":
						return ""
					}
				}
				return "no-new-privileges is off"
			})},
		{ID: "CIS-5.27", Source: cis + ", 5.27", Title: "Containers are health checked", TitleZh: "运行中的容器有健康检查",
			Why: "The order of starts, the gate of deploys and status all ask it.", Fix: "Give the image a HEALTHCHECK, or healthcheck: in the compose file.",
			Check: alone(when(func(c engine.Confinement) bool { return !c.HasCheck }, "no health check"))},
		{ID: "CIS-5.29", Source: cis + ", 5.29", Title: "The number of processes is limited", TitleZh: "进程数有上限",
			Why: "A fork bomb in one container stops the whole machine.", Fix: "Set pids_limit.",
			Check: alone(when(func(c engine.Confinement) bool { return c.Pids == 0 }, "no limit for processes"))},
		{ID: "CIS-5.32", Source: cis + ", 5.32", Title: "No container has the engine's socket", TitleZh: "没有容器持有引擎的套接字",
			Why: "Who can talk to the engine can start a privileged container.", Fix: "Take the mount away; nothing in this stack needs it.",
			Check: alone(engineSocket)},
	}
}

// when makes a check out of a condition.
func when(bad func(engine.Confinement) bool, what string) func(engine.Confinement) string {
	return func(c engine.Confinement) string {
		if bad(c) {
			return what
		}
		return ""
	}
}

// option is a fault where a security option has the bad value.
func option(c engine.Confinement, name, bad string) string {
	for _, o := range c.SecurityOpt {
		n, v, ok := strings.Cut(strings.Replace(o, ":", "=", 1), "=")
		if ok && n == name && v == bad {
			return o
		}
	}
	return ""
}

// systemFolders are those that CIS 5.6 names, and where the engine keeps what is its own.
var systemFolders = []string{"/boot", "/dev", "/etc", "/lib", "/proc", "/sys", "/usr", "/root", "/var/run", "/run", "/var/lib/docker"}

func systemFolder(c engine.Confinement) string {
	for _, m := range c.Mounts {
		if m.Type != "bind" {
			continue
		}
		from := path.Clean(m.Name)
		if from == "/" {
			return "the whole machine is mounted at " + m.Target
		}
		for _, dir := range systemFolders {
			if from == dir || strings.HasPrefix(from, dir+"/") {
				return fmt.Sprintf("%s of the machine is mounted at %s", from, m.Target)
			}
		}
	}
	return ""
}

func engineSocket(c engine.Confinement) string {
	for _, m := range c.Mounts {
		for _, p := range []string{m.Name, m.Target} {
			switch path.Base(p) {
			case "docker.sock", "containerd.sock", "podman.sock", "crio.sock":
				return m.Name + " is mounted at " + m.Target
			}
		}
	}
	return ""
}
