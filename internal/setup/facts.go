package setup

import (
	"time"
)

// Facts is one look at a machine: everything that checks and plans are made
// from. It holds what was found, no judgement.
type Facts struct {
	System  System
	User    User
	Go      GoFact
	Git     Tool
	Engine  EngineFact
	CLI     Tool
	Compose Tool
	Buildx  Tool
	Tools   map[string]Tool // iptables, mmdebstrap, chromium, compiler by these names
	Apt     AptFact
	Daemon  DaemonFact
	Cgroups CgroupFact
	Disk    DiskFact
	Memory  uint64 // bytes of RAM, 0 when it cannot be told
	Ports   []PortFact
	Now     time.Time
}

// System is what os-release(5) and the kernel say.
type System struct {
	OS       string // runtime.GOOS
	Arch     string // runtime.GOARCH
	ID       string // debian, ubuntu, fedora, ...
	IDLike   string // ID_LIKE
	Version  string // VERSION_ID: 12, 13, 24.04; "" for Debian's testing and unstable
	Codename string // VERSION_CODENAME
	Name     string // PRETTY_NAME
	Systemd  bool   // systemd is PID 1, as sd_booted(3) tells it
	Unit     bool   // docker.service is known to systemd
}

// String names the system for a person.
func (s System) String() string {
	switch {
	case s.Name != "":
		return s.Name
	case s.ID != "":
		return s.ID + " " + s.Version
	}
	return s.OS
}

// User is who runs this, and what they may do.
type User struct {
	Name     string
	Root     bool
	Sudo     bool // sudo works without a password: `sudo -n true` succeeded
	InDocker bool // a member of group docker in this login session
}

// Tool is a program: where it is, which version, and what is wrong with it.
type Tool struct {
	Path    string // "" when there is none
	Version string // as it says of itself
	Err     string // it is there but does not work, or is something else in its clothes
}

// GoFact compares the Go at hand with the one go.mod asks for.
type GoFact struct {
	Tool
	Want string // go1.26.0
}

// EngineState says how an Engine answered.
type EngineState string

// The states of an Engine.
const (
	EngineAnswers EngineState = "answers"
	EngineAbsent  EngineState = "absent"  // no socket, or nobody listens on it
	EngineDenied  EngineState = "denied"  // the socket is there, this user may not use it
	EngineFailing EngineState = "failing" // it was reached and did not answer as an Engine does
)

// EngineFact is the Docker Engine that commands would talk to.
type EngineFact struct {
	State    EngineState
	Host     string // unix:///var/run/docker.sock, ssh://..., tcp://...
	Local    bool   // the system's own socket on this machine, which setup may start
	Name     string // the engine's machine, as it says itself
	Version  string
	API      string
	DataRoot string
	Time     time.Time // the engine's clock; zero when it does not say
	Asked    time.Time // our clock at that moment
	Err      string
}

// AptFact is the state of the package manager.
type AptFact struct {
	Present     bool
	Arch        string            // dpkg's name of the architecture: amd64
	Interrupted bool              // dpkg was stopped half-way and wants `dpkg --configure -a`
	IndexAge    time.Duration     // since the last apt-get update; NoIndex when there was none
	Installed   map[string]string // package to version, for the packages in question
	Candidates  map[string]string // package to the version that apt would install
	Mirror      string            // URI that the system's own release comes from
}

// NoIndex is the age of a package index that was never fetched.
const NoIndex = time.Duration(1<<63 - 1)

// DaemonFact is what the local dockerd left or holds.
type DaemonFact struct {
	PID       int    // of the pid file; 0 without one
	Alive     bool   // that pid is a running dockerd
	Stale     bool   // there is a pid file and its process is dead or something else
	Leftover  bool   // the same for the containerd that dockerd starts
	Found     string // what became of the pid, for the message
	Installed bool   // there is a dockerd to start
}

// CgroupFact is how control groups are mounted.
type CgroupFact struct {
	Mounted bool     // anything at /sys/fs/cgroup
	V2      bool     // the unified hierarchy is at /sys/fs/cgroup
	Kernel2 bool     // the kernel can mount it and no controller is bound to version 1
	V1      []string // controllers of version 1 that the Engine uses and the kernel has
	Nested  bool     // version 2, not at the real root, controllers not yet handed down
}

// DiskFact is the room where the images will lie.
type DiskFact struct {
	Path string // the folder that was measured, "" when it is another machine's
	Free uint64 // bytes available to unprivileged processes
	Err  string
}

// PortFact is a port that the environment wants, and who has it.
type PortFact struct {
	Port
	Free bool
	Ours bool   // a container of this very project publishes it
	By   string // who holds it
}
