package pool

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	epoch  = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	errBad = errors.New("status 500")
)

func at(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }

func addr(n byte) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, n}) }

func known(ns ...byte) Found {
	f := Found{Outcome: Known}
	for _, n := range ns {
		f.Addrs = append(f.Addrs, addr(n))
	}
	return f
}

// story drives a pool in the rhythm of a Watcher: time passes each 100 ms.
type story struct {
	*Pool
	now int // ms
}

func newStory() *story { return &story{Pool: New("p", DefaultTiming())} }

// until lets time pass; each 400 ms the given members give a good answer.
func (s *story) until(ms int, good ...byte) {
	for ; s.now <= ms; s.now += 100 {
		s.Tick(at(s.now))
		if s.now%400 == 0 {
			for _, t := range s.Tickets() {
				if slices.Contains(good, t.Addr.As4()[3]) {
					s.Probed(at(s.now), at(s.now), t, nil)
				}
			}
		}
	}
}

func (s *story) answer() string { return fmt.Sprint(s.Answer()) }

func TestAnswerFollowsHealth(t *testing.T) {
	s := newStory()
	assert.Equal(t, "[127.0.0.2]", s.answer(), "nobody was looked for yet")
	assert.Equal(t, ModeEmpty, s.View().Mode)

	fresh := s.Find(at(0), known(2, 1))
	assert.Equal(t, []netip.Addr{addr(1), addr(2)}, []netip.Addr{fresh[0].Addr, fresh[1].Addr})
	assert.Equal(t, "[10.0.0.1 10.0.0.2]", s.answer(), "none is healthy: all, sorted")
	assert.Equal(t, ModeFailOpen, s.View().Mode)

	s.Probed(at(10), at(5), fresh[1], nil)
	assert.Equal(t, "[10.0.0.2]", s.answer(), "one good probe makes a new member healthy")
	s.Probed(at(20), at(5), fresh[0], errBad)
	assert.Equal(t, "[10.0.0.2]", s.answer())
	assert.Equal(t, "status 500", s.View().Members[0].Error)
	s.Probed(at(30), at(25), fresh[0], nil)
	assert.Equal(t, "[10.0.0.1 10.0.0.2]", s.answer())
	assert.Equal(t, 2, s.View().Healthy())

	// One hangs: it is out after 1.2 s without a good answer, not before.
	s.until(1200, 1)
	assert.Equal(t, "[10.0.0.1 10.0.0.2]", s.answer())
	s.until(1300, 1)
	assert.Equal(t, "[10.0.0.1]", s.answer())
	// Both do: the pool fails open.
	s.until(3000)
	assert.Equal(t, "[10.0.0.1 10.0.0.2]", s.answer())
	assert.Equal(t, ModeFailOpen, s.View().Mode)
}

func TestBadAnswersAloneDoNotEndHealth(t *testing.T) {
	s := newStory()
	member := s.Find(at(0), known(1, 2))
	s.Probed(at(0), at(0), member[0], nil)
	s.Probed(at(0), at(0), member[1], nil)
	s.Probed(at(400), at(400), member[0], errBad)
	s.until(1100, 2)
	assert.Len(t, s.Answer(), 2, "one bad answer is forgiven")
	s.until(1300, 2)
	assert.Equal(t, "[10.0.0.2]", s.answer())
}

// An address may be another container's in a moment (bytedance/deer-flow 1516).
func TestForgetsAtOnce(t *testing.T) {
	s := newStory()
	old := s.Find(at(0), known(1))[0]
	s.Probed(at(10), at(5), old, nil)
	require.Equal(t, 1, s.View().Healthy())

	s.Find(at(20), Found{Outcome: Nobody})
	assert.Equal(t, "[127.0.0.2]", s.answer())
	assert.False(t, s.Alive(old))

	fresh := s.Find(at(30), known(1))
	require.Len(t, fresh, 1, "the same address is a new member")
	assert.Zero(t, s.View().Healthy(), "its health is not that of the one before")
	s.Probed(at(40), at(15), old, nil)
	assert.Zero(t, s.View().Healthy(), "a late answer to the one before does not count")
	s.Probed(at(50), at(45), fresh[0], nil)
	assert.Equal(t, 1, s.View().Healthy())
}

func TestKeepsMembersWhenTheNameServerFails(t *testing.T) {
	s := newStory()
	member := s.Find(at(0), known(1))[0]
	s.Probed(at(10), at(5), member, nil)
	assert.Empty(t, s.Find(at(300), Found{Outcome: Unclear, Err: errors.New("SERVFAIL")}))
	assert.Equal(t, "[10.0.0.1]", s.answer())
	assert.True(t, s.Alive(member))
	assert.Equal(t, "unclear", s.View().Names)
	assert.Equal(t, "SERVFAIL", s.View().Error)
	assert.Empty(t, s.Find(at(600), known(1)), "it is the same member, not a new one")
	assert.Empty(t, s.View().Error)
}

func TestReplacedMembersGo(t *testing.T) {
	s := newStory()
	for _, m := range s.Find(at(0), known(1, 2)) {
		s.Probed(at(10), at(5), m, nil)
	}
	fresh := s.Find(at(300), known(2, 3))
	require.Len(t, fresh, 1)
	assert.Equal(t, "[10.0.0.2]", s.answer())
	s.Probed(at(310), at(305), fresh[0], nil)
	assert.Equal(t, "[10.0.0.2 10.0.0.3]", s.answer())
}

// A member that comes and goes has to prove itself for longer each time.
func TestDampsFlapping(t *testing.T) {
	s := newStory()
	s.Find(at(0), known(1))
	var probes []int
	for range 5 {
		n := 0
		for s.View().Healthy() == 0 {
			s.now += 10
			s.Tick(at(s.now))
			s.Probed(at(s.now), at(s.now), s.Tickets()[0], nil)
			n++
		}
		probes = append(probes, n)
		for s.View().Healthy() == 1 {
			s.now += 100
			s.Tick(at(s.now))
		}
	}
	assert.Equal(t, []int{1, 2, 3, 8, 8}, probes)

	// After a while without a fall it is forgiven.
	s.now += int(flapMemory.Milliseconds())
	s.Tick(at(s.now))
	s.Probed(at(s.now), at(s.now), s.Tickets()[0], nil)
	assert.Equal(t, 1, s.View().Healthy())
}

// When this process stood still nobody could answer it.
func TestOwnStandstillIsForgiven(t *testing.T) {
	s := newStory()
	s.Find(at(0), known(1, 2))
	s.until(800, 1, 2)
	s.Tick(at(20000))
	assert.Equal(t, 2, s.View().Healthy())
	s.now = 20100
	s.until(23000, 1)
	assert.Equal(t, "[10.0.0.1]", s.answer(), "and then time counts again")
}

func TestLateAnswers(t *testing.T) {
	s := newStory()
	m := s.Find(at(0), known(1))[0]
	s.Probed(at(500), at(400), m, nil)
	s.Probed(at(1100), at(100), m, errors.New("late"))
	assert.Empty(t, s.View().Members[0].Error, "a newer probe has overtaken it")
	s.now = 1200
	s.until(1700)
	require.Zero(t, s.View().Healthy())
	s.Probed(at(1800), at(800), m, nil)
	assert.Zero(t, s.View().Healthy(), "two in a row are needed after a fall")
	s.Probed(at(1900), at(1850), m, nil)
	assert.Equal(t, 1, s.View().Healthy())
}

// Whatever happens: the answer is never empty, sorted, without repetition; it is only
// of members; it is never the placeholder when there are members; nobody is left out
// who is healthy; NXDOMAIN forgets all.
func FuzzPool(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, 200)
	}
	f.Fuzz(func(t *testing.T, seed uint64, steps int) {
		r := rand.New(rand.NewPCG(seed, 1))
		p := New("p", DefaultTiming())
		now := 0
		var tickets []Ticket
		for range min(steps, 2000) {
			now += r.IntN(500)
			switch r.IntN(8) {
			case 0:
				p.Find(at(now), Found{Outcome: Nobody})
				require.Equal(t, []netip.Addr{Placeholder}, p.Answer())
			case 1:
				before := p.View().Members
				p.Find(at(now), Found{Outcome: Unclear})
				require.Equal(t, before, p.View().Members)
			case 2:
				var ns []byte
				for n := range byte(5) {
					if r.IntN(2) == 0 {
						ns = append(ns, n+1)
					}
				}
				fresh := p.Find(at(now), known(ns...))
				tickets = append(tickets, fresh...)
				require.Len(t, p.Tickets(), len(ns))
				for _, one := range fresh {
					require.True(t, p.Alive(one))
				}
			case 3:
				p.Tick(at(now))
			default:
				if len(tickets) > 0 {
					var err error
					if r.IntN(3) == 0 {
						err = errBad
					}
					p.Probed(at(now), at(now-r.IntN(1000)), tickets[r.IntN(len(tickets))], err)
				}
			}
			check(t, p)
		}
	})
}

func check(t *testing.T, p *Pool) {
	t.Helper()
	v := p.View()
	require.NotEmpty(t, v.Answer)
	require.True(t, slices.IsSortedFunc(v.Answer, netip.Addr.Compare))
	require.Len(t, slices.Compact(slices.Clone(v.Answer)), len(v.Answer))
	var healthy, all []netip.Addr
	for _, m := range v.Members {
		all = append(all, m.Addr)
		if m.Healthy {
			healthy = append(healthy, m.Addr)
		}
	}
	switch {
	case len(healthy) > 0:
		require.Equal(t, healthy, v.Answer)
	case len(all) > 0:
		require.Equal(t, all, v.Answer)
	default:
		require.Equal(t, []netip.Addr{Placeholder}, v.Answer)
	}
}
