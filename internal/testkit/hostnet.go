package testkit

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"drydock/internal/flock"
	"drydock/internal/run"
	"drydock/internal/testkit/runid"
)

const (
	hostDirs  = "/tmp/ddh"  // and what makes it unique; not TMPDIR, which may be long
	hostBlock = "198.18.%d" // RFC 2544: for tests between networks, routed by nobody
	hostFirst = 11          // the last number of the first host
)

// hostNet is the network of a test's hosts: a switch in a namespace of its own, where no
// firewall rule of the machine's engine applies to what the hosts say to each other, with
// one port that is this machine's.
type hostNet struct {
	name  string // also the beginning of the names of all namespaces
	dir   string
	block int
}

// newHostNet makes it; it goes with the test.
func newHostNet(t testing.TB) *hostNet {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(hostDirs), filepath.Base(hostDirs))
	if err != nil {
		t.Fatalf("making a network for hosts: %v", err)
	}
	n := &hostNet{name: filepath.Base(dir), dir: dir}
	t.Cleanup(func() {
		if err := removeHosts(dir); err != nil {
			t.Errorf("removing the hosts of the test: %v", err)
		}
	})
	if err := os.WriteFile(filepath.Join(dir, "owner"), []byte(runid.ID()), 0o600); err != nil {
		t.Fatalf("making a network for hosts: %v", err)
	}
	n.block = reserveBlock(t)
	allowLoad(fmt.Sprintf(hostBlock+".0/24", n.block))
	t.Cleanup(func() { forbidLoad(fmt.Sprintf(hostBlock+".0/24", n.block)) })
	sw, outside := n.name+"-sw", fmt.Sprintf("ddh%dm", n.block)
	err = ip(
		[]string{"netns", "add", sw},
		[]string{"-n", sw, "link", "add", "sw", "type", "bridge"},
		[]string{"-n", sw, "link", "set", "sw", "up"},
		[]string{"link", "add", outside, "type", "veth", "peer", "name", "machine", "netns", sw},
		[]string{"-n", sw, "link", "set", "machine", "master", "sw", "up"},
		[]string{"address", "add", n.ip(1) + "/24", "dev", outside},
		[]string{"link", "set", outside, "up"},
	)
	if err != nil {
		t.Fatalf("making a network for hosts: %v", err)
	}
	return n
}

func (n *hostNet) ip(last int) string { return fmt.Sprintf(hostBlock+".%d", n.block, last) }

// plug makes a host's network and connects it to the switch. There is no default route:
// what asks the internet for something is refused at once, instead of after a time.
func (n *hostNet) plug(t testing.TB, space, address string) {
	t.Helper()
	sw := n.name + "-sw"
	port := "p" + space[len(n.name):]
	err := ip(
		[]string{"netns", "add", space},
		[]string{"-n", space, "link", "set", "lo", "up"},
		[]string{"-n", sw, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space},
		[]string{"-n", sw, "link", "set", port, "master", "sw", "up"},
		[]string{"-n", space, "address", "add", address + "/24", "dev", "eth0"},
		[]string{"-n", space, "link", "set", "eth0", "up"},
	)
	if err != nil {
		t.Fatalf("connecting a host: %v", err)
	}
}

// link sets a host's cable up or down at the switch, so that the host keeps its address.
func (n *hostNet) link(space, state string) error {
	return ip([]string{"-n", n.name + "-sw", "link", "set", "p" + space[len(n.name):], state})
}

// ip runs commands of ip(8) in order.
func ip(commands ...[]string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, args := range commands {
		if err := run.Run(ctx, run.Cmd{Name: "ip", Args: args, Env: withSbin(os.Environ())}); err != nil {
			return fmt.Errorf("ip %q: %w (the program is in the package iproute2)", args, err)
		}
	}
	return nil
}

// reserveBlock takes a network's number for this test alone, as reserve does for ports.
func reserveBlock(t testing.TB) int {
	t.Helper()
	dir := filepath.Join(os.TempDir(), "drydock-test-networks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatalf("reserving addresses: %v", err)
	}
	for n := range 256 {
		f, err := os.OpenFile(filepath.Join(dir, fmt.Sprint(n)), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatalf("reserving addresses: %v", err)
		}
		free, err := flock.Try(f, flock.Exclusive)
		if err != nil {
			t.Fatalf("reserving addresses: %v", err)
		}
		// A crashed run's switch may still have them, until it is swept.
		if _, err := os.Stat(fmt.Sprintf("/sys/class/net/ddh%dm", n)); !free || !errors.Is(err, os.ErrNotExist) {
			_ = f.Close() // somebody else has it
			continue
		}
		t.Cleanup(func() { _ = f.Close() })
		return n
	}
	t.Fatalf("there is no free network among 198.18.0.0/16")
	return 0
}

// loadable are the networks of this process's hosts: load may be made on them, too.
var loadable struct {
	sync.Mutex
	nets map[netip.Prefix]bool
}

func allowLoad(prefix string) {
	loadable.Lock()
	defer loadable.Unlock()
	if loadable.nets == nil {
		loadable.nets = map[netip.Prefix]bool{}
	}
	loadable.nets[netip.MustParsePrefix(prefix)] = true
}

func forbidLoad(prefix string) {
	loadable.Lock()
	defer loadable.Unlock()
	delete(loadable.nets, netip.MustParsePrefix(prefix))
}

func ownHost(a netip.Addr) bool {
	loadable.Lock()
	defer loadable.Unlock()
	for p := range loadable.nets {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
