package setup

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"drydock/internal/engine"
)

// listener is one socket in state LISTEN.
type listener struct {
	addr  netip.AddrPort
	inode string
}

// lookPorts finds who holds the ports that the environment publishes. On a remote
// engine they are the remote machine's, and only its containers can be seen.
func lookPorts(ctx context.Context, o Options, e EngineFact) []PortFact {
	if len(o.Ports) == 0 {
		return nil
	}
	var containers []engine.Container
	if e.State == EngineAnswers {
		if c, err := openEngine(ctx, o); err == nil {
			containers, err = c.Containers(ctx, engine.Filter{States: []engine.State{engine.Running, engine.Paused}})
			if err != nil {
				containers = nil // the listening sockets still tell that a port is taken
			}
			_ = c.Close()
		}
	}
	here := e.Local || e.State != EngineAnswers
	var listening []listener
	if here {
		for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
			if text, err := os.ReadFile(table); err == nil {
				listening = append(listening, readListeners(string(text))...)
			}
		}
	}

	facts := make([]PortFact, 0, len(o.Ports))
	for _, p := range o.Ports {
		facts = append(facts, lookPort(p, o.Project, containers, listening, here))
	}
	return facts
}

func lookPort(p Port, project string, containers []engine.Container, listening []listener, here bool) PortFact {
	f := PortFact{Port: p, Free: true}
	for _, c := range containers {
		for _, published := range c.Ports {
			if published.Host != p.Number || !overlap(published.HostIP, p.Bind) || published.Proto == "udp" {
				continue
			}
			f.Free, f.By = false, "container "+c.Name
			f.Ours = project != "" && c.Labels["drydock.project"] == project
			return f
		}
	}
	for _, l := range listening {
		if int(l.addr.Port()) == p.Number && overlap(l.addr.Addr().String(), p.Bind) {
			f.Free, f.By = false, holder(l.inode)
			return f
		}
	}
	if here && len(listening) == 0 && !canListen(p) {
		f.Free = false // no /proc to look at
	}
	return f
}

// overlap says whether two bind addresses get in each other's way. An unspecified
// one of either family takes all.
func overlap(a, b string) bool {
	unspecified := func(s string) bool {
		ip, err := netip.ParseAddr(s)
		return s == "" || err == nil && ip.IsUnspecified()
	}
	return unspecified(a) || unspecified(b) || a == b
}

// readListeners reads proc_net_tcp(5): "sl local_address rem_address st ... inode",
// addresses in hexadecimal 32-bit words of the machine's byte order.
func readListeners(text string) []listener {
	const listen = "0A"
	var found []listener
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 10 || words[3] != listen {
			continue
		}
		addr, port, ok := strings.Cut(words[1], ":")
		raw, err := hex.DecodeString(addr)
		number, err2 := strconv.ParseUint(port, 16, 16)
		if !ok || err != nil || err2 != nil || len(raw)%4 != 0 {
			continue
		}
		for word := range slices.Chunk(raw, 4) { // little-endian, as every machine that runs this is
			slices.Reverse(word)
		}
		ip, ok := netip.AddrFromSlice(raw)
		if !ok {
			continue
		}
		found = append(found, listener{netip.AddrPortFrom(ip.Unmap(), uint16(number)), words[9]})
	}
	return found
}

// holder finds the process that has a socket open. Only root sees everybody's.
func holder(inode string) string {
	want := "socket:[" + inode + "]"
	fds, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return ""
	}
	for _, fd := range fds {
		if target, err := os.Readlink(fd); err == nil && target == want {
			pid := strings.Split(fd, "/")[2]
			comm, err := os.ReadFile("/proc/" + pid + "/comm")
			if err != nil {
				return "process " + pid
			}
			return fmt.Sprintf("%s (pid %s)", strings.TrimSpace(string(comm)), pid)
		}
	}
	return ""
}

// canListen is for systems without /proc: to bind the port for a moment is the
// only way to know. Low ports are the Engine's to bind, not this user's.
func canListen(p Port) bool {
	l, err := net.Listen("tcp", net.JoinHostPort(p.Bind, itoa(p.Number)))
	if err == nil {
		return l.Close() == nil
	}
	return errors.Is(err, syscall.EACCES)
}
