// Package setup looks at a machine and makes it able to run Drydock.
//
// It owns the list of prerequisites (Go, git, a Docker Engine, its command
// line, the compose and buildx plugins, mmdebstrap, iptables, room on the disk,
// memory, free ports, a sane clock and, for tests, Chromium), what each of them
// has to be, and how a Debian or Ubuntu machine gets the ones that are missing.
//
//   - Doctor only looks: one line a prerequisite, with the fix.
//   - Run says what it will install, then does it. A second run has nothing to do.
//   - EnsureBrowser installs the Chromium that the browser tests drive,
//     EnsureCompiler the gcc that `go test -race` needs, EnsureSSHServer the
//     sshd that tests of remote engines start on hosts of their own.
//
// All of it has the same three layers. Gather reads the machine into Facts, a
// plain value. Inspect and MakePlan are functions from Facts to checks and to a
// plan: they are where the rules live, and tables test them. Applying a plan is
// thin: every step is a POSIX shell script, so what is printed is exactly what
// is run, and a person without root's rights can run it by hand.
//
// It never stops, restarts, upgrades or reconfigures an Engine that works, never
// removes a package, and never edits the system's package sources.
//
// It does not build images, does not start the stack, and knows nothing of
// settings files: what it needs of them comes in through Options.
package setup
