package testkit

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"

	"drydock/internal/flock"
)

// Ports below the range that kernels take for outgoing connections (32768 and up on
// Linux): one that is free now is not taken by somebody's next connection.
const (
	firstPort = 20000
	lastPort  = 31999
)

// HeldPort is a free TCP port that nobody else can take until Release.
type HeldPort struct {
	Number   int
	listener net.Listener
}

// Release frees the port for the one who is to use it. Other test processes still stay
// away from it until the test ends.
func (p *HeldPort) Release() {
	if p.listener != nil {
		_ = p.listener.Close() // it was only there to be in the way
		p.listener = nil
	}
}

// HoldPort finds a free port on all addresses and occupies it.
func HoldPort(t testing.TB) *HeldPort {
	t.Helper()
	for range 200 {
		n := firstPort + rand.IntN(lastPort-firstPort+1)
		unlock, ok := reserve(t, n)
		if !ok {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", n))
		if err != nil {
			unlock()
			continue
		}
		p := &HeldPort{Number: n, listener: l}
		t.Cleanup(func() {
			p.Release()
			unlock()
		})
		return p
	}
	t.Fatalf("no free port between %d and %d was found in 200 attempts", firstPort, lastPort)
	return nil
}

// Port is HoldPort for a port that is used at once.
func Port(t testing.TB) int {
	t.Helper()
	p := HoldPort(t)
	p.Release()
	return p.Number
}

// reserve takes a lock file for the port, so that two test processes never choose the
// same one between release and use. The lock goes with the process.
func reserve(t testing.TB, n int) (unlock func(), ok bool) {
	t.Helper()
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("drydock-test-ports-%d", os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatalf("reserving port %d: %v", n, err)
	}
	f, err := os.OpenFile(filepath.Join(dir, fmt.Sprint(n)), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatalf("reserving port %d: %v", n, err)
	}
	free, err := flock.Try(f, flock.Exclusive)
	if err != nil {
		t.Fatalf("reserving port %d: %v", n, err)
	}
	if !free {
		_ = f.Close()
		return nil, false
	}
	return func() { _ = f.Close() }, true
}
