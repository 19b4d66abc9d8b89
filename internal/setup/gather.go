package setup

import (
	"context"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"drydock/internal/run"
)

// probeTimeout bounds each program that is only asked for its version: one that
// hangs (a network drive, a broken wrapper) must not hang the doctor.
const probeTimeout = 20 * time.Second

// Gather looks at the machine. It changes nothing. What cannot be found out stays
// empty in the facts, or is told in the Err beside it: to judge is Inspect's part.
func Gather(ctx context.Context, o Options) (Facts, error) {
	f := Facts{Now: time.Now(), Tools: map[string]Tool{}}
	f.System = lookSystem(ctx, o)
	f.CLI = lookCLI(ctx, o)

	var wg sync.WaitGroup
	var iptables, strap Tool
	wg.Go(func() { f.User = lookUser(ctx, o) })
	wg.Go(func() { f.Go = lookGo(ctx, o) })
	wg.Go(func() { f.Git = o.tool(ctx, "git", "--version") })
	wg.Go(func() { f.Compose = lookPlugin(ctx, o, f.CLI, "compose", "version", "--short") })
	wg.Go(func() { f.Buildx = lookPlugin(ctx, o, f.CLI, "buildx", "version") })
	wg.Go(func() { iptables = o.tool(ctx, "iptables", "--version") })
	wg.Go(func() { strap = o.tool(ctx, "mmdebstrap", "--version") })
	wg.Go(func() { f.Apt = lookApt(ctx, o, f.System) })
	wg.Go(func() {
		f.Engine = lookEngine(ctx, o, f.CLI)
		f.Ports = lookPorts(ctx, o, f.Engine)
	})
	wg.Wait()

	f.Tools["iptables"], f.Tools["mmdebstrap"] = iptables, strap
	f.Tools["chromium"], f.Tools["compiler"] = Tool{Path: findBrowser(o)}, Tool{Path: findCompiler(o)}
	f.Daemon = lookDaemon(o.Daemon)
	f.Daemon.Installed = o.find(o.Daemon.binary()) != ""
	f.correctDenied()
	f.Cgroups = lookCgroups()
	f.Disk = lookDisk(o, f.Engine)
	f.Memory = lookMemory()
	return f, context.Cause(ctx)
}

// correctDenied tells a socket that may not be used from one that nobody listens on
// any more: to a user outside group docker the kernel says "permission denied" in
// both cases. Under systemd the socket is systemd's and outlives the daemon.
func (f *Facts) correctDenied() {
	if f.Engine.State == EngineDenied && f.Engine.Local && f.Daemon.Stale && !f.System.Systemd {
		f.Engine.State = EngineAbsent
	}
}

// find returns the path of a program in the PATH that child processes get.
func (o Options) find(name string) string {
	var path string
	for _, kv := range o.childEnv() {
		if v, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = v
		}
	}
	dirs := filepath.SplitList(path)
	if filepath.IsAbs(name) {
		dirs = []string{""}
	}
	for _, dir := range dirs {
		// LookPath with a slash in it searches nothing: it tells whether this one can
		// be executed.
		if full, err := exec.LookPath(filepath.Join(dir, name)); err == nil && filepath.IsAbs(full) {
			return full
		}
	}
	return ""
}

// ask runs a program that only answers.
func (o Options) ask(ctx context.Context, dir, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	out, err := run.Output(ctx, run.Cmd{Name: name, Args: args, Dir: dir, Env: o.childEnv(), Grace: time.Second})
	return strings.TrimSpace(string(out)), err
}

// tool finds a program and asks for its version.
func (o Options) tool(ctx context.Context, name string, args ...string) Tool {
	t := Tool{Path: o.find(name)}
	if t.Path == "" {
		return t
	}
	out, err := o.ask(ctx, "", t.Path, args...)
	if err != nil {
		t.Err = oneLine(err)
		return t
	}
	t.Version = findVersion(out)
	return t
}

func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}

func lookSystem(ctx context.Context, o Options) System {
	s := System{OS: runtime.GOOS, Arch: runtime.GOARCH}
	// os-release(5): the first file, and only where it is missing the second.
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		text, err = os.ReadFile("/usr/lib/os-release")
	}
	if err == nil {
		s.readOSRelease(string(text))
	}
	// sd_booted(3): systemd is the running init if and only if this folder exists.
	if info, err := os.Lstat("/run/systemd/system"); err == nil && info.IsDir() {
		s.Systemd = true
		_, err := o.ask(ctx, "", "systemctl", "cat", "docker.service")
		s.Unit = err == nil
	}
	return s
}

func (s *System) readOSRelease(text string) {
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok {
			continue
		}
		value = strings.Trim(value, `"'`)
		switch key {
		case "ID":
			s.ID = value
		case "ID_LIKE":
			s.IDLike = value
		case "VERSION_ID":
			s.Version = value
		case "VERSION_CODENAME":
			s.Codename = value
		case "PRETTY_NAME":
			s.Name = value
		}
	}
}

func lookUser(ctx context.Context, o Options) User {
	u := User{Root: os.Geteuid() == 0}
	if me, err := user.Current(); err == nil {
		u.Name = me.Username
	}
	if u.Root {
		return u
	}
	if o.find("sudo") != "" {
		_, err := o.ask(ctx, "", "sudo", "-n", "true")
		u.Sudo = err == nil
	}
	// The groups of this process, not of the account: a group that was added since
	// the login does not count yet.
	if g, err := user.LookupGroup("docker"); err == nil {
		if mine, err := os.Getgroups(); err == nil {
			u.InDocker = slices.ContainsFunc(mine, func(id int) bool { return g.Gid == itoa(id) })
		}
	}
	return u
}

var goDirective = regexp.MustCompile(`(?m)^go (\d+(?:\.\w+)*)\s*$`)

func lookGo(ctx context.Context, o Options) GoFact {
	var g GoFact
	if text, err := os.ReadFile(filepath.Join(o.Root, "go.mod")); err == nil {
		if m := goDirective.FindSubmatch(text); m != nil {
			g.Want = "go" + string(m[1])
		}
	}
	if g.Path = o.find("go"); g.Path == "" {
		return g
	}
	// In the checkout, so that go.mod's toolchain line has its say.
	out, err := o.ask(ctx, o.Root, g.Path, "env", "GOVERSION")
	if err != nil {
		g.Err = oneLine(err)
		return g
	}
	g.Version = out
	return g
}

func lookCLI(ctx context.Context, o Options) Tool {
	t := Tool{Path: o.find("docker")}
	if t.Path == "" {
		return t
	}
	out, err := o.ask(ctx, "", t.Path, "--version")
	switch {
	case err != nil:
		t.Err = oneLine(err)
	case strings.Contains(strings.ToLower(out), "podman"):
		t.Err = "this docker is podman in its clothes (" + out + "), whose compose and buildx differ"
	default:
		t.Version = findVersion(out)
	}
	return t
}

// pluginDirs is where the docker command looks for its plugins, after
// ~/.docker/cli-plugins (docker/cli, cli-plugins/manager).
var pluginDirs = []string{
	"/usr/local/lib/docker/cli-plugins", "/usr/local/libexec/docker/cli-plugins",
	"/usr/lib/docker/cli-plugins", "/usr/libexec/docker/cli-plugins",
}

// lookPlugin asks the docker command for its plugin or, without a working
// command, the plugin itself. Version 1 of compose, a program of its own, is
// neither.
func lookPlugin(ctx context.Context, o Options, cli Tool, plugin string, args ...string) Tool {
	path := findPlugin(o, plugin)
	if cli.Path != "" && cli.Err == "" {
		out, err := o.ask(ctx, "", cli.Path, append([]string{plugin}, args...)...)
		if err == nil && findVersion(out) != "" {
			return Tool{Path: or(path, cli.Path+" "+plugin), Version: findVersion(out)}
		}
		if path == "" {
			return Tool{}
		}
		if err != nil {
			return Tool{Path: path, Err: oneLine(err)}
		}
		return Tool{Path: path, Err: "`docker " + plugin + " version` says nothing of a version: " + out}
	}
	if path == "" {
		return Tool{}
	}
	out, err := o.ask(ctx, "", path, "docker-cli-plugin-metadata")
	if err != nil {
		return Tool{Path: path, Err: oneLine(err)}
	}
	return Tool{Path: path, Version: pluginVersion(out)}
}

func findPlugin(o Options, plugin string) string {
	dirs := pluginDirs
	if config := o.environ("DOCKER_CONFIG"); config != "" {
		dirs = append([]string{filepath.Join(config, "cli-plugins")}, dirs...)
	} else if home := o.environ("HOME"); home != "" {
		dirs = append([]string{filepath.Join(home, ".docker", "cli-plugins")}, dirs...)
	}
	for _, dir := range dirs {
		if p, err := exec.LookPath(filepath.Join(dir, "docker-"+plugin)); err == nil {
			return p
		}
	}
	return ""
}

var metadataVersion = regexp.MustCompile(`"Version":\s*"([^"]*)"`)

// pluginVersion reads the answer to docker-cli-plugin-metadata.
func pluginVersion(text string) string {
	if m := metadataVersion.FindStringSubmatch(text); m != nil {
		return findVersion(m[1])
	}
	return ""
}
