package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"drydock/internal/run"
)

// finishGrace is how long dpkg may take to finish what it has begun after somebody
// asked to stop: configuring is a matter of seconds, on a loaded machine of minutes.
const finishGrace = 15 * time.Minute

// lockPatience is how long setup waits for another package manager (unattended
// upgrades, a software centre).
const lockPatience = 10 * time.Minute

func say(o Options, format string, args ...any) {
	fmt.Fprintf(o.Stderr, "setup: "+format+"\n", args...)
}

// apply carries a plan out, a step after the other.
func apply(ctx context.Context, o Options, u User, p Plan) error {
	fetched := false
	for _, s := range p.Steps {
		say(o, "%s", s.What)
		var err error
		switch {
		case s.Daemon:
			err = startDaemon(ctx, o, u)
		default:
			err = runStep(ctx, o, u, s)
		}
		if err != nil && !fetched && moved(err) {
			// The mirror moved on since the index was fetched.
			fetched = true
			say(o, "the package index is out of date, fetching it and trying again")
			if err = runStep(ctx, o, u, indexStep()); err == nil {
				err = runStep(ctx, o, u, s)
			}
		}
		if err != nil {
			return fmt.Errorf("setting this machine up, %q: %w", s.What, err)
		}
	}
	return nil
}

// runStep runs a step's script as root, waiting for the package manager's locks as
// often as it takes.
func runStep(ctx context.Context, o Options, u User, s Step) error {
	stop := func() bool { return true }
	if s.Finish {
		stop = context.AfterFunc(ctx, func() {
			say(o, "stopping as soon as the package manager has finished: half-installed packages help nobody")
		})
	}
	defer stop()
	deadline := time.Now().Add(lockPatience)
	for {
		err := asRoot(ctx, o, u, s, o.Stderr)
		pid, who, locked := lockHolder(err)
		if !locked {
			if err == nil {
				err = context.Cause(ctx)
			}
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited %s for another package manager (%s): %w", lockPatience, who, err)
		}
		say(o, "waiting for another package manager to finish: %s", who)
		if err := waitForExit(ctx, pid, lockPoll); err != nil {
			return err
		}
	}
}

// asRoot feeds the script to a root shell. It goes over standard input, as one
// function that is read whole before it starts: proxies with credentials would show
// in the process list otherwise, and apt must not read the rest of the script.
func asRoot(ctx context.Context, o Options, u User, s Step, out io.Writer) error {
	c := run.Cmd{
		Name: "sh", Args: []string{"-eu", "-s"}, Env: o.rootEnv(),
		Stdin:  strings.NewReader(shell(o, s.Script)),
		Stdout: out, Stderr: out, Step: s.Name,
	}
	if !u.Root {
		c.Name, c.Args = "sudo", []string{"-n", "--", "sh", "-eu", "-s"}
		c.Env = o.childEnv()
	}
	if s.Finish {
		c.Grace = finishGrace
	}
	return run.Run(ctx, c)
}

// shell wraps a script: root's environment, then the script as a function.
func shell(o Options, script string) string {
	var b strings.Builder
	for _, kv := range o.rootEnv() {
		key, value, _ := strings.Cut(kv, "=")
		fmt.Fprintf(&b, "export %s=%s\n", key, quote(value))
	}
	b.WriteString("setup_step() {\n" + script + "}\nsetup_step </dev/null\n")
	return b.String()
}

// lockPoll is how often a lock is tried again while its holder lives on: services
// such as packagekitd give it back without ending.
const lockPoll = 5 * time.Second

var lockMessage = regexp.MustCompile(`Could not get lock \S+\. It is held by process (\d+) \(([^)]*)\)`)

// lockHolder reads apt's message about a lock that another process has. apt's own
// DPkg::Lock::Timeout would not do: it covers neither the index's nor the archive's
// lock, and waits without a word.
func lockHolder(err error) (pid int, who string, locked bool) {
	var e *run.Error
	if !errors.As(err, &e) {
		return 0, "", false
	}
	text := strings.Join(e.Tail, "\n")
	if m := lockMessage.FindStringSubmatch(text); m != nil {
		pid, err := strconv.Atoi(m[1])
		return pid, m[2] + ", process " + m[1], err == nil
	}
	return 0, "another process", strings.Contains(text, "Could not get lock") ||
		strings.Contains(text, "frontend lock was locked by another process")
}

// moved recognises an index that names files which the mirror no longer has.
func moved(err error) bool {
	var e *run.Error
	return errors.As(err, &e) && slices.ContainsFunc(e.Tail, func(line string) bool {
		return strings.Contains(line, "404  Not Found") || strings.Contains(line, "maybe run apt-get update")
	})
}

var downloadSize = regexp.MustCompile(`Need to get ([\d.,]+ \w+)(?:/[\d.,]+ \w+)? of archives`)
var diskSize = regexp.MustCompile(`After this operation, ([\d.,]+ \w+) of additional disk space`)

// sizes asks apt what an installation would fetch and take; "" when it cannot say
// (yet). It needs neither root nor a lock.
func sizes(ctx context.Context, o Options, packages []string) string {
	out, err := o.ask(ctx, "", "apt-get", append([]string{
		"--print-uris", "-y", "--no-install-recommends", "install"}, packages...)...)
	if err != nil {
		return ""
	}
	get, disk := downloadSize.FindStringSubmatch(out), diskSize.FindStringSubmatch(out)
	if get == nil || disk == nil {
		return ""
	}
	return fmt.Sprintf("%s to download, %s on disk", get[1], disk[1])
}
