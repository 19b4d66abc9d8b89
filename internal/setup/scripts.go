package setup

import (
	"fmt"
	"path"
	"strings"
)

// The scripts are POSIX sh, run with -eu.
//
// Common to the calls of apt-get: no question is ever asked; a configuration file
// that the machine's owner changed stays as it is; --no-remove makes apt fail
// rather than remove something that conflicts (containerd.io below a Kubernetes
// node, say); needrestart must not restart services of its own accord.
const aptPrelude = `export DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none NEEDRESTART_SUSPEND=1
umask 022
`

const aptInstall = "apt-get -q -y --no-install-recommends --no-remove -o Dpkg::Use-Pty=0 " +
	"-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold install"

// noSignals is put before dpkg's turn: stopped half-way it leaves packages
// unpacked and not configured. An ignored signal stays ignored in the children.
const noSignals = "trap '' HUP INT TERM   # from here on dpkg has to finish\n"

func repairStep() Step {
	return Step{
		Name: "dpkg", Finish: true,
		What:   "finish an installation that was interrupted earlier: dpkg --configure -a",
		Script: aptPrelude + noSignals + "dpkg --force-confdef --force-confold --configure -a\n",
	}
}

func indexStep() Step {
	return Step{
		Name:   "apt",
		What:   "fetch the package index: apt-get update",
		Script: "apt-get -q update\n",
	}
}

// packagesStep downloads first, which may be stopped at any time, and then
// installs without the network, which may not.
func packagesStep(packages []string) Step {
	list := strings.Join(packages, " ")
	return Step{
		Name: "apt", Finish: true, packages: packages,
		What: "install from the system's own package sources: " + list,
		Script: aptPrelude +
			aptInstall + " --download-only " + list + "\n" +
			noSignals +
			aptInstall + " --no-download " + list + "\n",
	}
}

const (
	defaultMirror = "http://deb.debian.org/debian"
	debianKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
)

// trixieStep installs packages of Debian 13 on Debian 12. They are single static
// programs that need nothing but a libc that Debian 12 has. apt is told to work in
// a folder of its own, so that the system's sources, index and pins neither change
// nor interfere; the Debian keyring proves the index, the index proves the
// packages. Proxies and credentials of the system's apt.conf.d and auth.conf.d go
// on to hold.
//
// Everything is put below a folder that the user _apt can enter, because apt drops
// its rights for downloads.
func trixieStep(packages []string, f Facts, o Options) Step {
	mirror := strings.TrimRight(or(o.DebianMirror, or(f.Apt.Mirror, defaultMirror)), "/")
	arch := ""
	if f.Apt.Arch != "" {
		arch = "arch=" + f.Apt.Arch + " "
	}
	list := strings.Join(packages, " ")
	script := aptPrelude + `dir=$(mktemp -d /tmp/drydock-setup.XXXXXX)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' HUP INT TERM
chmod 755 "$dir"
mkdir -p "$dir/state/lists/partial" "$dir/cache/archives/partial" "$dir/debs"
if id _apt >/dev/null 2>&1; then chown _apt "$dir/debs"; fi
cat >"$dir/sources.list" <<'END'
deb [` + arch + `signed-by=` + debianKeyring + `] ` + mirror + ` trixie main
END
cat >"$dir/apt.conf" <<END
Dir::State "$dir/state";
Dir::Cache "$dir/cache";
Dir::Etc::SourceList "$dir/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
END
apt-get -q -c "$dir/apt.conf" update
cd "$dir/debs"
apt-get -q -c "$dir/apt.conf" download ` + list + `
` + noSignals + aptInstall + ` "$dir"/debs/*.deb
`
	return Step{
		Name: "debian13", Finish: true,
		What:   fmt.Sprintf("install from Debian 13's archive at %s, verified, leaving the system's sources alone: %s", mirror, list),
		Script: script,
	}
}

// daemonStep starts dockerd. Its script is the same thing for a person to paste.
func daemonStep(f Facts, o Options) Step {
	if f.System.Systemd && (f.System.Unit || !f.Daemon.Installed) && !o.Daemon.own() {
		return Step{
			Name: "docker",
			What: "start the Engine and have it start at boot: systemctl enable --now docker",
			// A unit that failed too often is not started again until it is forgiven.
			Script: "systemctl reset-failed docker.service docker.socket 2>/dev/null || :\nsystemctl enable --now docker.service || { journalctl -u docker.service -n 20 --no-pager >&2; exit 1; }\n",
		}
	}
	argv := make([]string, 0, 8)
	for _, a := range o.Daemon.argv() {
		argv = append(argv, quote(a))
	}
	var b strings.Builder
	what := "start the Engine, detached: dockerd, log in " + o.Daemon.log()
	if f.Daemon.Alive {
		return Step{Name: "dockerd", Daemon: true,
			What:   fmt.Sprintf("wait for the dockerd that is running (pid %d) to answer", f.Daemon.PID),
			Script: "docker version\n"}
	}
	if f.Daemon.Stale || f.Daemon.Leftover {
		what = "remove what a dead dockerd left behind, and " + what
		fmt.Fprintf(&b, "rm -f %s %s %s\n", quote(o.Daemon.pidFile()),
			quote(containerdFile(o.Daemon, "containerd.pid")), quote(containerdFile(o.Daemon, "containerd.sock")))
	}
	fmt.Fprintf(&b, "setsid %s >>%s 2>&1 </dev/null &\n", strings.Join(argv, " "), quote(o.Daemon.log()))
	return Step{Name: "dockerd", What: what, Script: b.String(), Daemon: true}
}

func containerdFile(d Daemon, name string) string {
	return path.Join(d.execRoot(), "containerd", name)
}

// quote makes a word that sh reads back as it is.
func quote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:=,+@%", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
