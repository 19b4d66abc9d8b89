package pool

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// suffix is the zone that the server answers for.
const suffix = ".pool."

// ttl is how long nginx may keep an answer, in seconds.
const ttl = 1

// Server is nginx's name server: <pool>.pool has an A record for each address that
// answer returns for the pool, and nothing else exists.
type Server struct {
	answer func(pool string) ([]netip.Addr, bool)
	udp    *dns.Server
	tcp    *dns.Server
}

// Listen opens addr (host:port) for UDP and TCP. answer must be quick and safe for
// concurrent use; false means that there is no such pool.
func Listen(addr string, answer func(pool string) ([]netip.Addr, bool)) (*Server, error) {
	pc, err := net.ListenPacket("udp", addr)
	if err != nil {
		return nil, fmt.Errorf("opening the name server for nginx: %w", err)
	}
	l, err := net.Listen("tcp", pc.LocalAddr().String())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the name server for nginx: %w", err), pc.Close())
	}
	s := &Server{answer: answer}
	s.udp = &dns.Server{PacketConn: pc, Handler: s}
	s.tcp = &dns.Server{Listener: l, Handler: s}
	return s, nil
}

// Addr is where the server listens.
func (s *Server) Addr() string { return s.udp.PacketConn.LocalAddr().String() }

// Serve answers until the context ends.
func (s *Server) Serve(ctx context.Context) error {
	failed := make(chan error, 2)
	go func() { failed <- s.udp.ActivateAndServe() }()
	go func() { failed <- s.tcp.ActivateAndServe() }()
	var err error
	pending := 2
	select {
	case <-ctx.Done():
	case err = <-failed:
		pending--
	}
	// Closing is enough, and works even before the first packet: a question in flight is asked again.
	errU, errT := s.udp.PacketConn.Close(), s.tcp.Listener.Close()
	for range pending {
		<-failed
	}
	if ctx.Err() != nil {
		return nil
	}
	return errors.Join(fmt.Errorf("answering nginx's name questions: %w", err), errU, errT)
}

// ServeDNS answers one question.
func (s *Server) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	r := s.reply(q)
	size := dns.MaxMsgSize
	if _, udp := w.LocalAddr().(*net.UDPAddr); udp {
		size = dns.MinMsgSize
		if e := q.IsEdns0(); e != nil {
			size = max(size, int(e.UDPSize()))
		}
	}
	r.Truncate(size)  // sets TC when records had to go; nginx asks again over TCP
	_ = w.WriteMsg(r) // who asked will ask again
}

func (s *Server) reply(q *dns.Msg) *dns.Msg {
	r := new(dns.Msg)
	r.SetReply(q)
	r.Authoritative, r.Compress = true, true
	if q.Opcode != dns.OpcodeQuery || len(q.Question) != 1 {
		return r.SetRcode(q, dns.RcodeNotImplemented)
	}
	question := q.Question[0]
	name, ok := strings.CutSuffix(strings.ToLower(question.Name), suffix)
	if !ok || question.Qclass != dns.ClassINET {
		r.Rcode = dns.RcodeNameError
		return r
	}
	addrs, ok := s.answer(name)
	if !ok {
		r.Rcode = dns.RcodeNameError
		return r
	}
	if question.Qtype != dns.TypeA {
		return r // the name exists and has no such record
	}
	for _, a := range addrs {
		r.Answer = append(r.Answer, &dns.A{
			Hdr: dns.RR_Header{Name: question.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: ttl},
			A:   a.AsSlice(),
		})
	}
	return r
}
