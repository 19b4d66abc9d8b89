package pool

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// nameServer is a name server of the test's own.
func nameServer(t *testing.T, h dns.HandlerFunc) string {
	t.Helper()
	var pc net.PacketConn
	var l net.Listener
	for { // until a port is free for both
		var err error
		pc, err = net.ListenPacket("udp", "127.0.0.1:0")
		require.NoError(t, err)
		if l, err = net.Listen("tcp", pc.LocalAddr().String()); err == nil {
			break
		}
		require.NoError(t, pc.Close())
	}
	var done sync.WaitGroup
	for _, s := range []*dns.Server{{PacketConn: pc, Handler: h}, {Listener: l, Handler: h}} {
		done.Go(func() { _ = s.ActivateAndServe() })
	}
	t.Cleanup(func() {
		pc.Close()
		l.Close()
		done.Wait()
	})
	return pc.LocalAddr().String()
}

func TestFindTellsAnswersApart(t *testing.T) {
	server := nameServer(t, func(w dns.ResponseWriter, q *dns.Msg) {
		r := new(dns.Msg)
		r.SetReply(q)
		a := func(ip string) {
			r.Answer = append(r.Answer, &dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 600}, A: net.ParseIP(ip)})
		}
		switch q.Question[0].Name {
		case "two.":
			a("10.0.0.2")
			a("10.0.0.1")
			a("10.0.0.2")
		case "nxdomain.":
			r.Rcode = dns.RcodeNameError
		case "nodata.":
		case "servfail.":
			r.Rcode = dns.RcodeServerFailure
		case "refused.":
			r.Rcode = dns.RcodeRefused
		case "silent.":
			return
		case "odd.":
			a("0.0.0.0")
			a("127.0.0.1")
		case "large.":
			_, udp := w.LocalAddr().(*net.UDPAddr)
			r.Truncated = udp
			if !udp {
				for i := range 100 {
					a(netip.AddrFrom4([4]byte{10, 1, 0, byte(i)}).String())
				}
			}
		}
		_ = w.WriteMsg(r)
	})
	f := &Finder{servers: []string{server}, timeout: 300 * time.Millisecond, local: func() []netip.Prefix { return nil }}
	for name, want := range map[string]struct {
		outcome Outcome
		members int
	}{
		"two": {Known, 2}, "nxdomain": {Nobody, 0}, "nodata": {Nobody, 0}, "servfail": {Unclear, 0}, "refused": {Unclear, 0},
		"silent": {Unclear, 0}, "odd": {Nobody, 0}, "large": {Known, 100},
	} {
		got := f.Find(t.Context(), name)
		assert.Equal(t, want.outcome, got.Outcome, "%s: %v", name, got.Err)
		assert.Len(t, got.Addrs, want.members, name)
		assert.Equal(t, want.outcome == Unclear, got.Err != nil, name)
	}
}

func TestFindAsksTheNextServer(t *testing.T) {
	broken := nameServer(t, func(w dns.ResponseWriter, q *dns.Msg) {
		_ = w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeServerFailure))
	})
	good := nameServer(t, func(w dns.ResponseWriter, q *dns.Msg) {
		r := new(dns.Msg).SetReply(q)
		r.Answer = append(r.Answer, &dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(10, 0, 0, 1)})
		_ = w.WriteMsg(r)
	})
	f := &Finder{servers: []string{broken, good}, timeout: time.Second, local: func() []netip.Prefix { return nil }}
	assert.Equal(t, known(1), f.Find(t.Context(), "x"))
	f.servers = []string{broken, broken}
	assert.Equal(t, Unclear, f.Find(t.Context(), "x").Outcome)
}

func TestFindIgnoresStrangers(t *testing.T) {
	networks := []netip.Prefix{netip.MustParsePrefix("172.18.0.5/16")}
	got := onlyLocal(Found{Outcome: Known, Addrs: []netip.Addr{netip.MustParseAddr("172.18.3.4"), netip.MustParseAddr("93.184.216.34")}}, networks)
	assert.Equal(t, []netip.Addr{netip.MustParseAddr("172.18.3.4")}, got.Addrs)
	got = onlyLocal(Found{Outcome: Known, Addrs: []netip.Addr{netip.MustParseAddr("93.184.216.34")}}, networks)
	assert.Equal(t, Nobody, got.Outcome)
	assert.ErrorIs(t, got.Err, errForeign)
}

func TestFindWithoutNameServer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resolv.conf")
	require.NoError(t, os.WriteFile(file, []byte("# a container without network\n"), 0o600))
	f, err := NewFinder(file, time.Second)
	require.NoError(t, err)
	assert.Equal(t, Nobody, f.Find(t.Context(), "backend-blue").Outcome)
}

func TestServerAnswers(t *testing.T) {
	many := []netip.Addr{}
	for i := range 200 {
		many = append(many, netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}))
	}
	var s *Server
	for s == nil { // until a port is free for UDP and TCP
		s, _ = Listen("127.0.0.1:0", func(pool string) ([]netip.Addr, bool) {
			switch pool {
			case "backend-blue":
				return []netip.Addr{addr(1), addr(2)}, true
			case "many":
				return many, true
			}
			return nil, false
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	ask := func(network, name string, kind uint16) *dns.Msg {
		q := new(dns.Msg)
		q.SetQuestion(name, kind)
		r, _, err := (&dns.Client{Net: network, Timeout: 5 * time.Second}).Exchange(q, s.Addr())
		require.NoError(t, err)
		return r
	}
	for _, network := range []string{"udp", "tcp"} {
		r := ask(network, "Backend-Blue.pool.", dns.TypeA)
		require.Equal(t, dns.RcodeSuccess, r.Rcode)
		require.Len(t, r.Answer, 2)
		assert.Equal(t, "10.0.0.1", r.Answer[0].(*dns.A).A.String())
		assert.EqualValues(t, 1, r.Answer[0].Header().Ttl)
		assert.Equal(t, "Backend-Blue.pool.", r.Answer[0].Header().Name, "as it was asked")

		r = ask(network, "backend-blue.pool.", dns.TypeAAAA)
		assert.Equal(t, dns.RcodeSuccess, r.Rcode, "the name exists")
		assert.Empty(t, r.Answer)
		for _, name := range []string{"other.pool.", "example.com.", "pool.", ".", "x.backend-blue.pool."} {
			assert.Equal(t, dns.RcodeNameError, ask(network, name, dns.TypeA).Rcode, name)
		}
	}
	short := ask("udp", "many.pool.", dns.TypeA)
	assert.True(t, short.Truncated, "200 records do not fit into 512 bytes")
	assert.NotEmpty(t, short.Answer)
	assert.Len(t, ask("tcp", "many.pool.", dns.TypeA).Answer, 200)

	cancel()
	assert.NoError(t, <-ended)
}

func FuzzServer(f *testing.F) {
	q := new(dns.Msg)
	q.SetQuestion("backend-blue.pool.", dns.TypeA)
	packed, err := q.Pack()
	require.NoError(f, err)
	f.Add(packed)
	s := &Server{answer: func(string) ([]netip.Addr, bool) { return []netip.Addr{addr(1)}, true }}
	f.Fuzz(func(t *testing.T, packet []byte) {
		var q dns.Msg
		if q.Unpack(packet) != nil {
			return
		}
		r := s.reply(&q)
		r.Truncate(dns.MinMsgSize)
		if len(q.Question) == 1 {
			_, err := r.Pack()
			require.NoError(t, err)
		}
	})
}

func TestProbe(t *testing.T) {
	var agent atomic.Value
	hang := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		agent.Store(r.UserAgent())
		switch r.URL.Path {
		case "/ok":
		case "/created":
			w.WriteHeader(http.StatusCreated)
		case "/moved":
			http.Redirect(w, r, "/ok", http.StatusFound)
		case "/down":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/hang":
			<-hang
		case "/endless":
			for {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}
	}))
	t.Cleanup(srv.Close)
	t.Cleanup(func() { close(hang) })
	to := netip.MustParseAddrPort(strings.TrimPrefix(srv.URL, "http://"))
	p := NewProber(2 * time.Second)
	for path, want := range map[string]string{
		"/ok": "", "/created": "", "/endless": "", "/moved": "GET /moved: status 302", "/down": "GET /down: status 503",
	} {
		err := p.Probe(t.Context(), to.Addr(), int(to.Port()), path)
		if want == "" {
			assert.NoError(t, err, path)
		} else {
			assert.EqualError(t, err, want)
		}
	}
	assert.Equal(t, "drydock-gateway", agent.Load())
	assert.EqualError(t, NewProber(100*time.Millisecond).Probe(t.Context(), to.Addr(), int(to.Port()), "/hang"), "GET /hang: no answer in time")
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := free.Addr().(*net.TCPAddr).Port
	require.NoError(t, free.Close())
	assert.ErrorContains(t, p.Probe(t.Context(), to.Addr(), port, "/"), "connection refused")
}

// fakes of the edges for the Watcher.
type (
	fakeFinder func(name string) Found
	fakeProber func(a netip.Addr, path string) error
)

func (f fakeFinder) Find(_ context.Context, name string) Found { return f(name) }
func (f fakeProber) Probe(_ context.Context, a netip.Addr, _ int, path string) error {
	return f(a, path)
}

func TestWatcherFollows(t *testing.T) {
	var members atomic.Value
	members.Store(known(1, 2))
	var sick atomic.Bool
	changes := make(chan View, 100)
	timing := Timing{Find: 5 * time.Millisecond, Probe: 20 * time.Millisecond, Timeout: time.Second, Silence: 100 * time.Millisecond}
	w := NewWatcher(timing, []Target{{Name: "a", Port: 1, Path: "/a"}, {Name: "b", Port: 2, Path: "/b"}},
		fakeFinder(func(name string) Found {
			if name == "b" {
				return Found{Outcome: Nobody}
			}
			return members.Load().(Found)
		}),
		fakeProber(func(a netip.Addr, path string) error {
			assert.Equal(t, "/a", path)
			if sick.Load() && a == addr(1) {
				return errBad
			}
			return nil
		}),
		func(v View) { changes <- v })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.Run(ctx)
	}()
	until := func(what string, ok func(View) bool) {
		t.Helper()
		timeout := time.After(10 * time.Second)
		for {
			select {
			case v := <-changes:
				if v.Name == "a" && ok(v) {
					return
				}
			case <-timeout:
				t.Fatalf("waiting until %s", what)
			}
		}
	}
	<-w.Ready()
	for _, m := range w.Views()[0].Members {
		assert.False(t, m.Told, "nobody has asked yet")
	}
	answer, ok := w.Tell("a")
	require.True(t, ok)
	assert.Equal(t, []netip.Addr{addr(1), addr(2)}, answer, "the first round of probes is done when it is ready")
	_, ok = w.Tell("c")
	assert.False(t, ok)
	until("both are healthy", func(v View) bool { return v.Healthy() == 2 })
	sick.Store(true)
	until("one is out", func(v View) bool { return v.Healthy() == 1 && v.Members[0].Error != "" })
	sick.Store(false)
	until("it is back", func(v View) bool { return v.Healthy() == 2 })
	members.Store(Found{Outcome: Unclear, Err: errors.New("gone")})
	members.Store(Found{Outcome: Nobody})
	until("the pool is empty", func(v View) bool { return v.Mode == ModeEmpty })
	assert.Positive(t, w.Counts("a").Good)
	assert.Positive(t, w.Counts("a").Bad)
	assert.Equal(t, []string{"a", "b"}, []string{w.Views()[0].Name, w.Views()[1].Name})
	cancel()
	<-ended
}
