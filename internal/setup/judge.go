package setup

import (
	"fmt"
	goversion "go/version"
	"strings"
)

// The oldest versions that everything works with.
//
// Engine 20.10 is Debian 12's; its API 1.41 is the oldest that package engine
// speaks. Compose 2.24.4 is the first with `!override`, which the files for dev use;
// buildx 0.10 the first whose attestations can be switched off.
const (
	minEngine  = "20.10"
	minAPI     = "1.41"
	minCompose = "2.24.4"
	minBuildx  = "0.10"
)

const setupFix = "go tool mage setup"

func judgeGo(f Facts, _ Options) (Check, bool) {
	want := strings.TrimPrefix(f.Go.Want, "go")
	switch {
	case f.Go.Path == "":
		return Check{Status: Missing, Found: "no go on PATH",
			Fix: "install Go " + want + " from https://go.dev/dl/ (Debian 13: golang-1.26-go in trixie-backports)"}, true
	case f.Go.Err != "":
		return Check{Status: Broken, Found: f.Go.Err, Fix: "make `go version` work in the checkout"}, true
	case goversion.Compare(f.Go.Version, f.Go.Want) < 0:
		return Check{Status: Broken, Found: f.Go.Version + ", go.mod wants " + f.Go.Want,
			Fix: "install Go " + want + " from https://go.dev/dl/, or set GOTOOLCHAIN=auto"}, true
	}
	return Check{Status: OK, Found: f.Go.Version + ", " + f.Go.Path}, true
}

// Git only gives the version its name: a plain folder is told by its content.
func judgeGit(f Facts, _ Options) (Check, bool) {
	c, ok := judgeTool(f.Git, "", "apt-get install git, for versions by tag and commit", true)
	if f.Git.Path == "" {
		c.Found = "none: versions are named by the content of the checkout"
	}
	return c, ok
}

func judgeEngine(f Facts, o Options) (Check, bool) {
	e := f.Engine
	switch e.State {
	case EngineDenied:
		c := Check{Status: Broken, Found: fmt.Sprintf("%s: %s may not use it", e.Host, or(f.User.Name, "this user"))}
		if f.User.InDocker {
			c.Fix = "the socket belongs to another group than docker: ls -l " + strings.TrimPrefix(e.Host, "unix://")
		} else {
			c.Fix = fmt.Sprintf("sudo usermod -aG docker %s, then log in again (members of that group are as good as root)", or(f.User.Name, "$USER"))
		}
		return c, true
	case EngineAbsent, EngineFailing:
		return judgeNoEngine(f, o), true
	}
	where := e.Host
	if e.Name != "" && !e.Local {
		where += " (" + e.Name + ")"
	}
	if older(e.Version, minEngine) || older(e.API, minAPI) {
		return Check{Status: Broken,
			Found: fmt.Sprintf("%s, API %s at %s: too old", e.Version, e.API, where),
			Fix:   fmt.Sprintf("upgrade it to %s or newer (setup never touches an Engine that works)", minEngine)}, true
	}
	return Check{Status: OK, Found: fmt.Sprintf("%s, API %s, %s", e.Version, e.API, where)}, true
}

func judgeNoEngine(f Facts, o Options) Check {
	e := f.Engine
	switch {
	case !e.Local:
		return Check{Status: Broken, Found: e.Err, Fix: "start that engine, or correct DOCKER_HOST or the docker context"}
	case f.Daemon.Alive:
		return Check{Status: Broken,
			Found: fmt.Sprintf("dockerd runs (pid %d) but does not answer on %s", f.Daemon.PID, e.Host),
			Fix:   restartHint(f.System, o)}
	case f.Daemon.Stale:
		return Check{Status: Broken,
			Found: fmt.Sprintf("dockerd is not running; %s is left over (pid %d %s)", o.Daemon.pidFile(), f.Daemon.PID, f.Daemon.Found),
			Fix:   setupFix + " starts it"}
	case f.Daemon.Installed:
		return Check{Status: Broken, Found: "installed, not running", Fix: setupFix + " starts it"}
	}
	return Check{Status: Missing, Found: "nothing answers on " + e.Host, Fix: setupFix + ", or set DOCKER_HOST"}
}

func restartHint(s System, o Options) string {
	if s.Systemd && s.Unit && !o.Daemon.own() {
		return "look at `journalctl -u docker`, then `systemctl restart docker`"
	}
	return "look at " + o.Daemon.log() + ", stop that process, then " + setupFix
}

func judgeCLI(f Facts, _ Options) (Check, bool) {
	return judgeTool(f.CLI, "", setupFix, false)
}

func judgeCompose(f Facts, _ Options) (Check, bool) {
	return judgeTool(f.Compose, minCompose, setupFix, false)
}

func judgeBuildx(f Facts, _ Options) (Check, bool) {
	return judgeTool(f.Buildx, minBuildx, setupFix, false)
}

// iptables is dockerd's business, so it matters only where dockerd is ours, and
// not at all while the Engine works.
func judgeIptables(f Facts, _ Options) (Check, bool) {
	if !f.Engine.Local || f.System.OS != "linux" {
		return Check{}, false
	}
	return judgeTool(f.Tools["iptables"], "", setupFix, f.Engine.State == EngineAnswers)
}

// mmdebstrap makes the base images where no registry answers. Whether one does is
// the engine's to say at the first build, so its absence is a hint, not a verdict,
// unless BASE says that there will be no other way.
func judgeStrap(f Facts, o Options) (Check, bool) {
	if o.Base == "registry" {
		return Check{}, false
	}
	c, ok := judgeTool(f.Tools["mmdebstrap"], "", setupFix, o.Base != "debian")
	if c.Status != OK && c.Optional {
		c.Fix += " (needed only when no container registry answers)"
	}
	return c, ok
}

func judgeBrowser(f Facts, o Options) (Check, bool) {
	fix := "go tool mage test:e2e installs it"
	if !canInstallBrowser(f) {
		fix = browserHint(f)
	}
	c, ok := judgeTool(f.Tools["chromium"], "", fix, !o.Browser)
	if c.Status != OK {
		c.Found += " (for the browser tests)"
	}
	return c, ok
}

func judgeCompiler(f Facts, _ Options) (Check, bool) {
	c, ok := judgeTool(f.Tools["compiler"], "", "go tool mage test installs gcc", true)
	if c.Status != OK {
		c.Found += " (for go test -race)"
		if !f.Apt.Present {
			c.Fix = "install gcc or clang"
		}
	}
	return c, ok
}

// judgeTool is the rule for a program: there, working, not older than least.
func judgeTool(t Tool, least, fix string, optional bool) (Check, bool) {
	c := Check{Optional: optional, Fix: fix}
	switch {
	case t.Path == "" && t.Err == "":
		c.Status, c.Found = Missing, "not found"
	case t.Err != "":
		c.Status, c.Found = Broken, t.Err
	case least != "" && older(t.Version, least):
		c.Status, c.Found = Broken, fmt.Sprintf("%s is too old, %s or newer is needed", t.Version, least)
	default:
		c.Status, c.Fix = OK, ""
		c.Found = t.Path
		if t.Version != "" {
			c.Found = t.Version + ", " + t.Path
		}
	}
	return c, true
}
