package pool

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// Finder asks the container's own name server for the members of pools.
type Finder struct {
	servers []string // host:port
	timeout time.Duration
	local   func() []netip.Prefix // the networks that this container is on
}

// NewFinder reads the name servers of a resolv.conf. Without any (a container without
// network) no pool has members.
func NewFinder(resolvConf string, timeout time.Duration) (*Finder, error) {
	c, err := dns.ClientConfigFromFile(resolvConf)
	if err != nil {
		return nil, fmt.Errorf("reading the name servers: %w", err)
	}
	f := &Finder{timeout: timeout, local: localNetworks}
	for _, s := range c.Servers {
		f.servers = append(f.servers, net.JoinHostPort(s, c.Port))
	}
	return f, nil
}

// dockerDNS is the name server that Docker puts into containers.
const dockerDNS = "127.0.0.11:53"

// maxServers is how many name servers are asked, as resolv.conf(5) has it.
const maxServers = 3

// Find asks for the addresses of name, one name server after the other until one knows
// what there is. Each takes two timeouts at most.
func (f *Finder) Find(ctx context.Context, name string) Found {
	found := Found{Outcome: Nobody}
	for _, server := range f.servers[:min(len(f.servers), maxServers)] {
		if found = f.findAt(ctx, server, name); found.Outcome != Unclear {
			break
		}
	}
	return found
}

func (f *Finder) findAt(ctx context.Context, server, name string) Found {
	found := f.ask(ctx, server, name, f.timeout)
	if server != dockerDNS {
		return found
	}
	if found.Outcome == Unclear && f.answersForUs(ctx, server) {
		// Docker's server knows its own names by heart and passes all others on. It told us our
		// own name, so it works; that it has no answer for this one means that it passed
		// it on to a server that is away, or may not pass it on (an internal network).
		// A question that got lost on the way is asked again first.
		found = f.ask(ctx, server, name, f.timeout/2)
		if found.Outcome == Unclear {
			return Found{Outcome: Nobody}
		}
	}
	if found.Outcome == Known {
		return onlyLocal(found, f.local())
	}
	return found
}

func (f *Finder) ask(ctx context.Context, server, name string, timeout time.Duration) Found {
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), dns.TypeA)
	m.SetEdns0(1232, false)
	r, err := exchange(ctx, m, server, timeout)
	if err != nil {
		return Found{Outcome: Unclear, Err: fmt.Errorf("asking %s for %s: %w", server, name, plain(err))}
	}
	return read(r, server, name)
}

// exchange asks over UDP, and over TCP if the answer did not fit.
func exchange(ctx context.Context, m *dns.Msg, server string, timeout time.Duration) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c := &dns.Client{Timeout: timeout, UDPSize: 1232}
	r, _, err := c.ExchangeContext(ctx, m, server)
	if err == nil && r.Truncated {
		c.Net = "tcp"
		r, _, err = c.ExchangeContext(ctx, m, server)
	}
	return r, err
}

// read tells the answers of a name server apart.
func read(r *dns.Msg, server, name string) Found {
	switch r.Rcode {
	case dns.RcodeNameError:
		return Found{Outcome: Nobody}
	case dns.RcodeSuccess:
	default:
		return Found{Outcome: Unclear, Err: fmt.Errorf("asking %s for %s: it says %s", server, name, dns.RcodeToString[r.Rcode])}
	}
	var addrs []netip.Addr
	for _, rr := range r.Answer {
		a, ok := rr.(*dns.A)
		if !ok {
			continue
		}
		if addr, ok := netip.AddrFromSlice(a.A.To4()); ok && !addr.IsUnspecified() && !addr.IsLoopback() {
			addrs = append(addrs, addr)
		}
	}
	if len(addrs) == 0 {
		return Found{Outcome: Nobody}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return Found{Outcome: Known, Addrs: slices.Compact(addrs)}
}

// answersForUs says whether Docker's name server knows the name of one of our own
// addresses, which takes no other server.
func (f *Finder) answersForUs(ctx context.Context, server string) bool {
	for _, p := range f.local() {
		name, err := dns.ReverseAddr(p.Addr().String())
		if err != nil {
			continue
		}
		m := new(dns.Msg)
		m.SetQuestion(name, dns.TypePTR)
		if r, err := exchange(ctx, m, server, f.timeout/2); err == nil && r.Rcode == dns.RcodeSuccess && len(r.Answer) > 0 {
			return true
		}
	}
	return false
}

// errForeign is what a name server's answer is when it leads out of the container's
// networks.
var errForeign = errors.New("its addresses are not on any network of this container")

// onlyLocal drops addresses that are not on a network of this container. Docker's name
// server passes unknown names on, and some servers out there answer every name with
// the address of a search page: no member of ours, and no place for our requests.
func onlyLocal(f Found, networks []netip.Prefix) Found {
	if len(networks) == 0 {
		return f
	}
	f.Addrs = slices.DeleteFunc(f.Addrs, func(a netip.Addr) bool {
		return !slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(a) })
	})
	if len(f.Addrs) == 0 {
		return Found{Outcome: Nobody, Err: errForeign}
	}
	return f
}

// localNetworks are the IPv4 networks of this container, each with its own address.
func localNetworks() []netip.Prefix {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var out []netip.Prefix
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && p.Addr().Is4() && !p.Addr().IsLoopback() {
			out = append(out, p)
		}
	}
	return out
}
