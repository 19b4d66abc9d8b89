package setup

import (
	"io"
	"slices"
	"strings"
	"time"
)

// Options is what the caller knows and a machine cannot tell.
type Options struct {
	Root         string    // folder of the checkout, absolute; its go.mod says which Go is wanted
	Host         string    // DOCKER_HOST; "" is the docker CLI's own choice (context, then the local socket)
	Base         string    // BASE: auto, registry or debian; "" is auto
	DebianMirror string    // where Debian 13's packages come from on Debian 12; "" takes the system's own mirror
	Format       string    // doctor's report: text or json
	DryRun       bool      // say what would be done, do nothing
	Browser      bool      // Chromium counts as needed, as it does for the browser tests
	Ports        []Port    // ports that the environment is about to publish
	Project      string    // label drydock.project of containers that may hold those ports already
	Environ      []string  // environment of the child processes, as os.Environ gives it
	Stdout       io.Writer // results
	Stderr       io.Writer // narration

	// Wait bounds how long a daemon may take until its socket answers. Zero is
	// DefaultWait.
	Wait time.Duration

	// Daemon says where the local dockerd keeps its files. The zero value is the
	// system's own; tests start a second one beside it.
	Daemon Daemon
}

// DefaultWait is how long a dockerd may take to answer: a cold start with many
// containers to restore takes tens of seconds on a slow disk.
const DefaultWait = 90 * time.Second

// Port is one port that the environment publishes.
type Port struct {
	Bind    string // address, "" for all
	Number  int
	Setting string // the key that changes it, for example HTTP_PORT
}

// Daemon is where a dockerd keeps its files. Empty fields mean what dockerd(8)
// means by leaving the flag out.
type Daemon struct {
	Binary   string   // dockerd on PATH
	Socket   string   // /var/run/docker.sock
	PIDFile  string   // /var/run/docker.pid
	ExecRoot string   // /var/run/docker; its containerd's pid file and socket live below
	DataRoot string   // /var/lib/docker
	Log      string   // /var/log/docker.log, as Debian's init script has it
	Args     []string // further arguments
}

// Where Debian's docker.io, Docker's own packages and dockerd(8) put things.
const (
	systemSocket   = "/var/run/docker.sock"
	systemPIDFile  = "/var/run/docker.pid"
	systemExecRoot = "/var/run/docker"
	systemDataRoot = "/var/lib/docker"
	systemLog      = "/var/log/docker.log"
)

func (d Daemon) socket() string   { return or(d.Socket, systemSocket) }
func (d Daemon) pidFile() string  { return or(d.PIDFile, systemPIDFile) }
func (d Daemon) execRoot() string { return or(d.ExecRoot, systemExecRoot) }
func (d Daemon) dataRoot() string { return or(d.DataRoot, systemDataRoot) }
func (d Daemon) log() string      { return or(d.Log, systemLog) }
func (d Daemon) binary() string   { return or(d.Binary, "dockerd") }

// own tells a daemon with files of its own from the system's: systemd has no
// unit for the former.
func (d Daemon) own() bool { return d.Socket != "" }

// argv is the daemon's command line. Flags are given only where the caller
// deviates, so that /etc/docker/daemon.json keeps its say: dockerd refuses to
// start when a flag and the file name the same thing.
func (d Daemon) argv() []string {
	argv := []string{d.binary()}
	if d.Socket != "" {
		argv = append(argv, "--host=unix://"+d.Socket)
	}
	if d.PIDFile != "" {
		argv = append(argv, "--pidfile="+d.PIDFile)
	}
	if d.ExecRoot != "" {
		argv = append(argv, "--exec-root="+d.ExecRoot)
	}
	if d.DataRoot != "" {
		argv = append(argv, "--data-root="+d.DataRoot)
	}
	return append(argv, d.Args...)
}

// host is the engine to work on, as DOCKER_HOST would name it; "" when the
// docker CLI decides.
func (o Options) host() string {
	if o.Host == "" && o.Daemon.own() {
		return "unix://" + o.Daemon.Socket
	}
	return o.Host
}

func (o Options) wait() time.Duration {
	if o.Wait > 0 {
		return o.Wait
	}
	return DefaultWait
}

// childEnv is the environment for the commands that only look: the caller's,
// with messages in English because some of them are read, and with the folders
// that iptables lives in, which Debian leaves out of a user's PATH.
func (o Options) childEnv() []string {
	env := slices.DeleteFunc(slices.Clone(o.Environ), func(kv string) bool {
		key, _, _ := strings.Cut(kv, "=")
		return key == "LC_ALL" || key == "LANGUAGE" || key == "PATH"
	})
	path := or(o.environ("PATH"), "/usr/local/bin:/usr/bin:/bin")
	env = append(env, "LC_ALL=C.UTF-8", "PATH="+path+":/usr/local/sbin:/usr/sbin:/sbin")
	if h := o.host(); h != "" {
		env = append(env, "DOCKER_HOST="+h)
	}
	return env
}

// environ returns the last value of a key in Environ.
func (o Options) environ(key string) string {
	for _, kv := range slices.Backward(o.Environ) {
		if k, v, _ := strings.Cut(kv, "="); k == key {
			return v
		}
	}
	return ""
}

// rootEnv is what root's scripts get: a search path with the folders that
// iptables and friends live in, and the proxies, which apt and dockerd honour.
func (o Options) rootEnv() []string {
	env := []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root",
		"LC_ALL=C.UTF-8",
	}
	for _, kv := range o.Environ {
		key, _, _ := strings.Cut(kv, "=")
		switch strings.ToLower(key) {
		case "http_proxy", "https_proxy", "no_proxy", "all_proxy":
			env = append(env, kv)
		}
	}
	return env
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
