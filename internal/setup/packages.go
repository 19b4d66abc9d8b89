package setup

import (
	"slices"
	"time"
)

// maxIndexAge is how old a package index may be before it is fetched anew.
const maxIndexAge = 6 * time.Hour

// wants is the packages that are missing, by where they come from.
type wants struct {
	system []string // the system's own sources
	trixie []string // Debian 13's archive, for Debian 12
}

func (w wants) empty() bool { return len(w.system)+len(w.trixie) == 0 }

// distro is how one release names the packages. Its zero value is a system that
// setup has no packages for.
type distro struct {
	engine  []string // the Engine with what it needs to run
	cli     []string
	compose []string
	buildx  []string
	strap   []string
	// old says that compose, buildx and a CLI of their own are not in this release
	// (Debian 12) and come from Debian 13.
	old bool
}

var (
	debian12 = distro{
		engine:  []string{"docker.io", "iptables", "ca-certificates"},
		cli:     []string{"docker-cli"},
		compose: []string{"docker-compose"},
		buildx:  []string{"docker-buildx"},
		strap:   []string{"mmdebstrap"},
		old:     true,
	}
	debian13 = distro{
		engine:  []string{"docker.io", "iptables", "ca-certificates"},
		cli:     []string{"docker-cli"},
		compose: []string{"docker-compose"},
		buildx:  []string{"docker-buildx"},
		strap:   []string{"mmdebstrap"},
	}
	// Ubuntu's docker.io contains the CLI; its docker-compose is still version 1.
	// mmdebstrap makes Debian roots, whose keys Ubuntu does not have by itself.
	ubuntu = distro{
		engine:  []string{"docker.io", "iptables", "ca-certificates"},
		cli:     []string{"docker.io"},
		compose: []string{"docker-compose-v2"},
		buildx:  []string{"docker-buildx"},
		strap:   []string{"mmdebstrap", "debian-archive-keyring"},
	}
	distros = map[string]distro{
		"debian 12":    debian12,
		"debian 13":    debian13,
		"ubuntu 22.04": ubuntu,
		"ubuntu 24.04": ubuntu,
	}
)

// distroOf finds the names, and the one case that depends on what is installed:
// where the Engine is Docker's own docker-ce, its plugins come from the same place,
// because the distribution's conflict with them over their files.
func distroOf(f Facts) (distro, bool) {
	d, ok := distros[f.System.ID+" "+f.System.Version]
	if !ok || !f.Apt.Present {
		return distro{}, false
	}
	if f.Apt.Installed["docker-ce"] != "" || f.Apt.Installed["docker-ce-cli"] != "" {
		d.cli = []string{"docker-ce-cli"}
		d.compose = []string{"docker-compose-plugin"}
		d.buildx = []string{"docker-buildx-plugin"}
		d.old = false
	}
	return d, true
}

// packageNames are all that the question of what is installed is asked about.
func packageNames() []string {
	names := []string{"docker-ce", "docker-ce-cli", "docker-compose-plugin", "docker-buildx-plugin", "uidmap"}
	names = slices.Concat(names, browserPackages, compilerPackages, sshPackages)
	for _, d := range distros {
		names = slices.Concat(names, d.engine, d.cli, d.compose, d.buildx, d.strap)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// wanted turns failed checks into packages.
func wanted(f Facts, o Options, checks []Check) (wants, error) {
	install := f.Engine.Local && f.Engine.State != EngineAnswers && f.Engine.State != EngineDenied && !f.Daemon.Installed
	need := install || failed(checks, nameCLI) || failed(checks, nameCompose) || failed(checks, nameBuildx) ||
		failed(checks, nameIptables) || failed(checks, nameStrap)
	d, ok := distroOf(f)
	if !ok {
		if need {
			return wants{}, unsupported(f, checks)
		}
		return wants{}, nil
	}

	var w wants
	if install {
		w.system = append(w.system, d.engine...)
	}
	if failed(checks, nameIptables) {
		w.system = append(w.system, "iptables")
	}
	// Debian 12's docker.io brings the CLI along.
	if failed(checks, nameCLI) && (!d.old || !install) {
		w.add(d, d.cli)
	}
	if failed(checks, nameCompose) {
		w.add(d, d.compose)
	}
	if failed(checks, nameBuildx) {
		w.add(d, d.buildx)
	}
	if o.Base != "registry" && f.Tools["mmdebstrap"].Path == "" {
		w.system = append(w.system, d.strap...)
		// Without root mmdebstrap needs newuidmap for its user namespace.
		if !f.User.Root && f.Apt.Installed["uidmap"] == "" {
			w.system = append(w.system, "uidmap")
		}
	}
	w.system = unique(w.system)
	return w, nil
}

func (w *wants) add(d distro, names []string) {
	if d.old {
		w.trixie = append(w.trixie, names...)
		return
	}
	w.system = append(w.system, names...)
}

// unique keeps the first of each and the order.
func unique(names []string) []string {
	var out []string
	for _, n := range names {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}
