package testkit

import (
	"context"
	"strconv"
	"sync"
	"testing"

	"drydock/internal/engine"
)

// Crash ends a container as a crash does: its first process gets KILL from the machine,
// and the restart policy applies. It returns when the process is gone.
func Crash(t testing.TB, id string) {
	t.Helper()
	Signal(t, id, "KILL")
}

// Signal sends a signal to a container's first process from the machine, past the engine.
// STOP makes it hang as a process does that waits for a dead disk; CONT lets it go on.
// It works on a remote engine, too.
func Signal(t testing.TB, id, name string) {
	t.Helper()
	in, err := Engine(t).Container(t.Context(), id)
	if err != nil {
		t.Fatalf("injecting a fault: %v", err)
	}
	if in.Pid == 0 {
		t.Fatalf("injecting a fault: %s does not run, no signal can reach it", in.Name)
	}
	Tiny(t, engine.Spec{Cmd: []string{"kill", strconv.Itoa(in.Pid), name}, User: "0:0", PidOf: "host"})
}

// Kill is `docker kill`: KILL by request. The engine takes that for a wish, so the restart
// policy does NOT apply; Crash is the one that does.
func Kill(t testing.TB, id string) {
	t.Helper()
	if err := Engine(t).Kill(t.Context(), id, "KILL"); err != nil {
		t.Fatalf("injecting a fault: %v", err)
	}
}

// Pause freezes all processes of a container. What is returned lets them go on and may
// be called more than once; it is called when the test ends at the latest.
func Pause(t testing.TB, id string) (resume func()) {
	t.Helper()
	c := Engine(t)
	if err := c.Pause(t.Context(), id); err != nil {
		t.Fatalf("injecting a fault: %v", err)
	}
	return undo(t, func(ctx context.Context) error { return c.Unpause(ctx, id) })
}

// Disconnect cuts a container off from a network. What is returned connects it again
// with the aliases that it had; its address may be another one then.
func Disconnect(t testing.TB, network, id string) (reconnect func()) {
	t.Helper()
	c := Engine(t)
	in, err := c.Container(t.Context(), id)
	if err != nil {
		t.Fatalf("injecting a fault: %v", err)
	}
	var aliases []string
	for _, e := range in.Networks {
		if e.Network == network || e.ID == network {
			aliases = e.Aliases
		}
	}
	if err := c.Disconnect(t.Context(), network, id); err != nil {
		t.Fatalf("injecting a fault: %v", err)
	}
	return undo(t, func(ctx context.Context) error { return c.Connect(ctx, network, id, aliases...) })
}

// undo runs f once: when it is called, or at the end of the test. At the end the object
// may be gone, which is as good.
func undo(t testing.TB, f func(context.Context) error) func() {
	var once sync.Once
	t.Cleanup(func() {
		once.Do(func() {
			ctx, cancel := context.WithTimeout(context.Background(), cleanTime)
			defer cancel()
			if err := f(ctx); err != nil {
				t.Logf("undoing a fault: %v", err)
			}
		})
	})
	return func() {
		t.Helper()
		once.Do(func() {
			if err := f(t.Context()); err != nil {
				t.Fatalf("undoing a fault: %v", err)
			}
		})
	}
}
