//go:build integration

package testenv

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
)

// Proxy passes connections on to a server until it is cut. It makes a real server look stopped without stopping it for
// other tests.
type Proxy struct {
	target   string
	listener net.Listener

	mu    sync.Mutex
	mode  mode
	conns map[net.Conn]struct{}
}

type mode int

const (
	passing mode = iota
	refusing
	silent
)

// NewProxy starts a proxy that ends with the test.
func NewProxy(t *testing.T, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{target: target, listener: l, conns: map[net.Conn]struct{}{}}
	var serving sync.WaitGroup
	serving.Go(func() { p.serve(&serving) })
	t.Cleanup(func() {
		l.Close()
		p.set(refusing)
		serving.Wait()
	})
	return p
}

func (p *Proxy) address(t *testing.T) (string, uint16) {
	t.Helper()
	a, err := netip.ParseAddrPort(p.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return a.Addr().String(), a.Port()
}

// Cut breaks all connections and every new one, as a server that was stopped.
func (p *Proxy) Cut() { p.set(refusing) }

// Hang keeps connections but passes nothing on, as a server whose machine is gone; new ones get no answer either.
func (p *Proxy) Hang() { p.set(silent) }

// Restore passes new connections on again; those that hung are broken.
func (p *Proxy) Restore() { p.set(passing) }

func (p *Proxy) set(m mode) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode = m
	if m == silent {
		return
	}
	for c := range p.conns {
		c.Close()
	}
}

func (p *Proxy) current() mode {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mode
}

func (p *Proxy) serve(serving *sync.WaitGroup) {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		serving.Go(func() { p.handle(client) })
	}
}

func (p *Proxy) handle(client net.Conn) {
	if !p.keep(client) {
		return
	}
	defer p.drop(client)
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	var both sync.WaitGroup
	both.Go(func() { p.pass(server, client); server.Close() })
	p.pass(client, server)
	client.Close()
	both.Wait()
}

func (p *Proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mode == refusing {
		c.Close()
		return false
	}
	p.conns[c] = struct{}{}
	return true
}

func (p *Proxy) drop(c net.Conn) {
	c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// pass copies until either side ends; while the proxy hangs it swallows what it reads.
func (p *Proxy) pass(to io.Writer, from io.Reader) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if p.current() == silent {
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}
