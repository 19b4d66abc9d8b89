package testkit

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"drydock/internal/engine"
	"drydock/internal/run"
)

// Part drops every packet between the containers of one side and those of the other, both
// ways and without an answer, as a cable that was pulled between them would. What is returned
// lets them through again.
func Part(t testing.TB, one, other []engine.Container) (join func()) {
	t.Helper()
	var rules []netRule
	for _, c := range one {
		for _, o := range other {
			for _, address := range addresses(o) {
				rules = append(rules,
					netRule{c, []string{"INPUT", "--source", address, "--jump", "DROP"}},
					netRule{c, []string{"OUTPUT", "--destination", address, "--jump", "DROP"}})
			}
		}
	}
	return obey(t, rules)
}

// Lose drops a part of the packets that come to a container, 0 to 1, at random.
func Lose(t testing.TB, c engine.Container, part float64) (mend func()) {
	t.Helper()
	return obey(t, []netRule{{c, []string{"INPUT", "!", "--in-interface", "lo", "--match", "statistic",
		"--mode", "random", "--probability", strconv.FormatFloat(part, 'f', -1, 64), "--jump", "DROP"}}})
}

// Narrow lets a container send only so much on each of its networks, bits a second, as a slow
// line with a long queue does: what waits longer than queue is lost.
func Narrow(t testing.TB, c engine.Container, bits int, queue time.Duration) (mend func()) {
	t.Helper()
	out, err := inNetOf(t.Context(), c, "ip", "-oneline", "link", "show", "type", "veth")
	if err != nil {
		t.Fatalf("injecting a fault: %v", err)
	}
	var links []string
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) > 1 {
			name, _, _ := strings.Cut(strings.TrimSuffix(fields[1], ":"), "@")
			links = append(links, name)
		}
	}
	if len(links) == 0 {
		t.Fatalf("injecting a fault: %s has no link in:\n%s", c.Name, out)
	}
	tc := func(ctx context.Context, what string, args ...string) error {
		for _, link := range links {
			if _, err := inNetOf(ctx, c, "tc", append([]string{"qdisc", what, "dev", link, "root"}, args...)...); err != nil {
				return err
			}
		}
		return nil
	}
	err = tc(t.Context(), "add", "tbf", "rate", fmt.Sprintf("%dbit", bits), "burst", "16kb", "latency", fmt.Sprintf("%dms", queue.Milliseconds()))
	if err != nil {
		t.Fatalf("injecting a fault: %v", err)
	}
	return undo(t, func(ctx context.Context) error { return tc(ctx, "del") })
}

// netRule is one of iptables(8), in a container's network.
type netRule struct {
	in   engine.Container
	args []string
}

func obey(t testing.TB, rules []netRule) (undone func()) {
	t.Helper()
	for _, r := range rules {
		if _, err := inNetOf(t.Context(), r.in, "iptables", append([]string{"--wait", "--insert"}, r.args...)...); err != nil {
			t.Fatalf("injecting a fault: %v", err)
		}
	}
	return undo(t, func(ctx context.Context) error {
		for _, r := range rules {
			if _, err := inNetOf(ctx, r.in, "iptables", append([]string{"--wait", "--delete"}, r.args...)...); err != nil {
				return err
			}
		}
		return nil
	})
}

// inNetOf runs a program of this machine in a container's network.
func inNetOf(ctx context.Context, c engine.Container, program string, args ...string) (string, error) {
	if c.Pid == 0 {
		return "", fmt.Errorf("%s does not run", c.Name)
	}
	out, err := run.Output(ctx, run.Cmd{
		Name: "nsenter", Args: append([]string{"--target", strconv.Itoa(c.Pid), "--net", program}, args...), Env: withSbin(os.Environ()),
	})
	if err != nil {
		return "", fmt.Errorf("%s in the network of %s: %w", program, c.Name, err)
	}
	return string(out), nil
}

func addresses(c engine.Container) []string {
	var list []string
	for _, e := range c.Networks {
		if e.IP.IsValid() {
			list = append(list, e.IP.String())
		}
	}
	return list
}
