package setup

import (
	"fmt"
	"slices"
	"strings"

	"drydock/internal/run"
)

// UnsupportedError is a system that setup has no packages for.
type UnsupportedError struct {
	System  string
	Missing []Check
	How     string // how such a system gets them, in its own words
}

// Error lists the missing pieces, one a line, and how to get them.
func (e *UnsupportedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "setup cannot install on %s (it knows Debian 12 and 13, Ubuntu 22.04 and 24.04); missing here:", e.System)
	for _, c := range e.Missing {
		fmt.Fprintf(&b, "\n  %s is %s: %s", c.Name, c.Status, c.Found)
	}
	b.WriteString("\n  how to get them: " + e.How)
	return b.String()
}

// ExitCode is run.CodeMissing.
func (e *UnsupportedError) ExitCode() int { return run.CodeMissing }

// NeedRootError is a plan that this user may not carry out.
type NeedRootError struct{ Plan Plan }

// Error has the commands, ready to be pasted.
func (e *NeedRootError) Error() string {
	return "setup needs root, or sudo without a password, for these commands:\n\n" + e.Plan.Script() +
		"\nrun them as root, then `go tool mage setup` again"
}

// ExitCode is run.CodeMissing.
func (e *NeedRootError) ExitCode() int { return run.CodeMissing }

// NotReadyError is a machine that lacks something.
type NotReadyError struct{ Checks []Check }

// Error lists what blocks, one a line, with the fix.
func (e *NotReadyError) Error() string {
	var b strings.Builder
	b.WriteString("this machine is not ready:")
	for _, c := range e.Checks {
		fmt.Fprintf(&b, "\n  %s is %s: %s; %s", c.Name, c.Status, c.Found, c.Fix)
	}
	return b.String()
}

// ExitCode is run.CodeMissing.
func (e *NotReadyError) ExitCode() int { return run.CodeMissing }

// unsupported makes the error for a system, with the advice of its family.
func unsupported(f Facts, checks []Check) error {
	e := &UnsupportedError{System: f.System.String(), Missing: blocking(checks)}
	family := append([]string{f.System.ID}, strings.Fields(f.System.IDLike)...)
	is := func(id string) bool { return slices.Contains(family, id) }
	switch {
	case f.System.OS == "darwin":
		e.How = "install Docker Desktop, or: brew install colima docker docker-compose docker-buildx && colima start"
	case is("rhel"), is("centos"):
		e.How = "Docker's own packages: https://docs.docker.com/engine/install/rhel/"
	case is("fedora"):
		e.How = "sudo dnf install moby-engine docker-cli docker-compose docker-buildx && sudo systemctl enable --now docker"
	case is("arch"):
		e.How = "sudo pacman -S docker docker-compose docker-buildx && sudo systemctl enable --now docker"
	case is("alpine"):
		e.How = "apk add docker docker-cli-compose docker-cli-buildx && rc-update add docker && service docker start"
	case is("suse"), is("opensuse"):
		e.How = "sudo zypper install docker docker-compose docker-buildx && sudo systemctl enable --now docker"
	default:
		e.How = "Docker Engine with its compose and buildx plugins: https://docs.docker.com/engine/install/"
	}
	return e
}
