package testkit

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"drydock/internal/engine"
)

// hostStart bounds the start of an engine on a busy machine.
const hostStart = time.Minute

// Host is a Docker engine as on a machine of its own: its own network with an address
// that the test reaches (so that published ports can be asked), its own processes, /run,
// data, images and containers. It has no way to the internet, so nothing can be pulled;
// Give brings images. It is the real dockerd of this machine and needs root.
//
// It ends with the test, and with the test's process however that ends: its first process
// reads from a pipe, and the kernel ends all others with the first one.
type Host struct {
	Name string // host name, also for the test's ssh: h1, h2, ...
	IP   string // address of the host, on a network that only this machine reaches

	t     testing.TB
	net   *hostNet
	dir   string // short: a socket's path has at most 107 bytes, unix(7)
	space string // name of the network namespace
	pki   *hostPKI
	init  *hostInit // nil when the power is off
}

// NewHost starts one engine on a host of its own.
func NewHost(t testing.TB) *Host {
	t.Helper()
	return NewHosts(t, 1)[0]
}

// NewHosts starts several, which reach each other as machines in one rack do.
func NewHosts(t testing.TB, n int) []*Host {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatalf("starting an engine on a host of its own: network namespaces need root; run the tests as root")
	}
	sweepHosts(t)
	network := newHostNet(t)
	pki := newHostPKI(t)
	hosts := make([]*Host, n)
	for i := range hosts {
		hosts[i] = &Host{
			Name: fmt.Sprintf("h%d", i+1), IP: network.ip(hostFirst + i), t: t, net: network, pki: pki,
			dir: filepath.Join(network.dir, fmt.Sprint(i+1)), space: fmt.Sprintf("%s-%d", network.name, i+1),
		}
		hosts[i].make()
	}
	// At once: most of a start is waiting.
	failed := make(chan error, n)
	for _, h := range hosts {
		go func() { failed <- h.start() }()
	}
	for range hosts {
		if err := <-failed; err != nil {
			t.Errorf("starting an engine on a host of its own: %v", err)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
	return hosts
}

// make prepares what stays when the power goes off.
func (h *Host) make() {
	h.t.Helper()
	if err := os.MkdirAll(h.dir, 0o700); err != nil {
		h.t.Fatalf("making room for a host: %v", err)
	}
	// Of the machine's own daemon.json nothing must get in. Graph drivers are what
	// servers with an older engine have; newer ones would start without.
	config := []byte(`{"features": {"containerd-snapshotter": false}}`)
	if err := os.WriteFile(filepath.Join(h.dir, "daemon.json"), config, 0o600); err != nil {
		h.t.Fatalf("making room for a host: %v", err)
	}
	h.pki.server(h.t, h.dir, h.IP)
	h.net.plug(h.t, h.space, h.IP)
	h.t.Cleanup(func() {
		if h.t.Failed() && h.init != nil {
			h.t.Logf("log of the host %s:\n%s", h.Name, h.init.log.tail())
		}
		h.stop()
		removeCgroups(h.t, h.space)
	})
}

// start runs dockerd and waits until it listens.
func (h *Host) start() error {
	var err error
	if h.init, err = startInit(h.space, h.Name); err != nil {
		return err
	}
	// exec root, pid file and containerd are in /run, which is the host's own and as
	// empty as after a boot.
	ready := h.init.log.when("API listen on " + h.socket())
	err = h.init.run("dockerd", "--config-file", h.dir+"/daemon.json", "--host", "unix://"+h.socket(), "--host", "tcp://"+h.IP+":2376",
		"--tlsverify", "--tlscacert", h.pki.ca(), "--tlscert", h.dir+"/server.pem", "--tlskey", h.dir+"/server-key.pem",
		"--data-root", h.dir+"/d", "--cgroup-parent", "/"+h.space, "--exec-opt", "native.cgroupdriver=cgroupfs")
	if err != nil {
		return err
	}
	select {
	case <-ready:
		return nil
	case <-h.init.ended:
		return fmt.Errorf("%s ended:\n%s", h.Name, h.init.log.tail())
	case <-time.After(hostStart):
		return fmt.Errorf("dockerd on %s is not ready after %s:\n%s", h.Name, hostStart, h.init.log.tail())
	}
}

func (h *Host) stop() {
	if h.init != nil {
		h.init.kill()
		h.init = nil
	}
}

func (h *Host) socket() string { return filepath.Join(h.dir, "s") }

// Address is the engine's socket as in DOCKER_HOST: what a program on the host itself
// would use.
func (h *Host) Address() string { return "unix://" + h.socket() }

// Client opens the engine through its socket, until the end of the test.
func (h *Host) Client() *engine.Client {
	h.t.Helper()
	return openHost(h.t, h.Address())
}

func openHost(t testing.TB, address string, options ...engine.Option) *engine.Client {
	t.Helper()
	c, err := engine.Open(t.Context(), address, options...)
	if err != nil {
		t.Fatalf("opening a host's engine: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("closing a host's engine: %v", err)
		}
	})
	return c
}

// Give copies images of the tests' engine to the host's.
func (h *Host) Give(refs ...string) {
	h.t.Helper()
	r, err := Engine(h.t).Save(h.t.Context(), refs...)
	if err != nil {
		h.t.Fatalf("giving images to %s: %v", h.Name, err)
	}
	defer r.Close()
	if _, err := h.Client().Load(h.t.Context(), r, nil); err != nil {
		h.t.Fatalf("giving images to %s: %v", h.Name, err)
	}
}

// PowerOff is the loss of the machine: every process is gone at once, and nothing
// answers at its address, not even with a refusal. What dockerd wrote stays.
func (h *Host) PowerOff() {
	h.t.Helper()
	h.link("down")
	h.stop()
}

// PowerOn starts it again with the data that it had, and waits until its engine answers.
func (h *Host) PowerOn() {
	h.t.Helper()
	h.link("up")
	if err := h.start(); err != nil {
		h.t.Fatalf("starting a host again: %v", err)
	}
}

// Unplug pulls the network cable: all goes on to run, and hears nobody. What is returned
// puts it back.
func (h *Host) Unplug() (plug func()) {
	h.t.Helper()
	h.link("down")
	return undo(h.t, func(context.Context) error { return h.net.link(h.space, "up") })
}

func (h *Host) link(state string) {
	h.t.Helper()
	if err := h.net.link(h.space, state); err != nil {
		h.t.Fatalf("setting the link of %s %s: %v", h.Name, state, err)
	}
}
