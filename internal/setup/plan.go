package setup

import (
	"fmt"
	"strings"
)

// Step is one thing that setup does as root.
type Step struct {
	Name string // short, for the prefix of its output
	What string // a sentence for a person
	// Script is the POSIX shell text that does it: printed as it is, run as it is.
	Script string
	// Finish says that the script's last part may not be stopped half-way: it
	// ignores signals itself, and whoever cancels has to wait for it.
	Finish bool
	// Daemon marks the start of dockerd, which has to outlive this process. Its
	// Script is for people; StartDaemon does the same and watches it.
	Daemon bool

	packages []string // what it installs from the system's own sources
}

// Plan is what would make the machine ready.
type Plan struct {
	Steps []Step
	Notes []string // said before anything is done
	// Optional says that nothing in it is needed: only hints would go away.
	Optional bool
}

// Empty plans have nothing to do.
func (p Plan) Empty() bool { return len(p.Steps) == 0 }

// MakePlan decides what to do about the prerequisites that fail. It is pure. What
// needs a person (a clock, a full disk, an engine elsewhere) is not part of it:
// Inspect has those. A system that setup has no packages for is an
// *UnsupportedError, with everything that is missing in it.
func MakePlan(f Facts, o Options) (Plan, error) {
	var p Plan
	checks := Inspect(f, o)
	w, err := wanted(f, o, checks)
	if err != nil {
		return Plan{}, err
	}
	start := f.Engine.Local && (f.Engine.State == EngineAbsent || f.Engine.State == EngineFailing)

	if !w.empty() && f.Apt.Interrupted {
		p.add(repairStep())
	}
	if start {
		// Before the packages: on a machine without systemd their own scripts may
		// start dockerd, which gives up without control groups.
		if step, ok := cgroupStep(f); ok {
			p.add(step)
		}
	}
	if len(w.system) > 0 {
		if indexNeeded(f.Apt, w.system) {
			p.add(indexStep())
		}
		p.add(packagesStep(w.system))
	}
	if len(w.trixie) > 0 {
		p.add(trixieStep(w.trixie, f, o))
		if old := f.Apt.Installed["docker-compose"]; old != "" && older(old, "2.0") {
			p.Notes = append(p.Notes, "the package docker-compose "+old+" is replaced by Debian 13's, which has the plugin")
		}
	}
	if start {
		p.add(daemonStep(f, o))
	}
	p.Optional = len(blocking(checks)) == 0
	if o.DebianMirror == "" && len(w.trixie) > 0 && f.Apt.Mirror == "" {
		p.Notes = append(p.Notes, "the system's package sources name no mirror; "+defaultMirror+" is used, DEBIAN_MIRROR names another")
	}
	return p, nil
}

func (p *Plan) add(s Step) { p.Steps = append(p.Steps, s) }

// indexNeeded says whether the package index has to be fetched: a package is
// unknown, or the index is old enough for the mirror to have moved on, which shows
// as a 404 in the middle of an installation.
func indexNeeded(a AptFact, packages []string) bool {
	if a.IndexAge > maxIndexAge {
		return true
	}
	for _, name := range packages {
		if a.Candidates[name] == "" {
			return true
		}
	}
	return false
}

// String is the plan as a person reads it before saying yes to it.
func (p Plan) String() string {
	var b strings.Builder
	for i, s := range p.Steps {
		fmt.Fprintf(&b, "%2d. %s\n", i+1, s.What)
	}
	for _, n := range p.Notes {
		fmt.Fprintf(&b, "    note: %s\n", n)
	}
	return b.String()
}

// Script is the plan as root's shell commands.
func (p Plan) Script() string {
	var b strings.Builder
	b.WriteString("# as root, in sh:\n")
	for _, s := range p.Steps {
		fmt.Fprintf(&b, "\n# %s\n", s.What)
		if strings.Contains(s.Script, "trap ") {
			// A shell of its own, so that its traps end with it.
			fmt.Fprintf(&b, "(\n%s)\n", s.Script)
			continue
		}
		b.WriteString(s.Script)
	}
	return b.String()
}
