package pool

import (
	"net/netip"
	"slices"
	"time"
)

// Timing is how often members are looked at, and how long they may be silent.
type Timing struct {
	Find    time.Duration // between two questions for a pool's members
	Probe   time.Duration // between two probes of a member; they may overlap
	Timeout time.Duration // bound of one probe, and of one question to the name server
	Silence time.Duration // without a good answer for so long, a member is unhealthy
}

// DefaultTiming keeps the promise that a hung member is out of nginx within 3 s, and a
// new one in: silence 1.2 s, the nginx resolver's second, and a rest for a busy machine.
func DefaultTiming() Timing {
	return Timing{Find: 300 * time.Millisecond, Probe: 400 * time.Millisecond, Timeout: time.Second, Silence: 1200 * time.Millisecond}
}

// Placeholder is what the name of an empty pool answers with: nginx itself listens
// there and says 503. Without an address nginx would keep the members of before.
var Placeholder = netip.AddrFrom4([4]byte{127, 0, 0, 2})

// flapMemory is how long a fall counts against a member.
const flapMemory = 30 * time.Second

// Pool decides on the health of one pool's members. All methods take the time as an
// argument; it must not go backwards. A Pool is not safe for concurrent use.
type Pool struct {
	name    string
	timing  Timing
	members map[netip.Addr]*member
	lives   uint64       // of members so far
	ticked  time.Time    // the last time that time passed
	found   Found        // the last answer of the name server
	at      time.Time    // when that was
	told    []netip.Addr // what nginx heard last, when it asked
}

type member struct {
	born     uint64 // tells a member from an earlier one with the same address
	healthy  bool
	since    time.Time // of the present health
	lastGood time.Time // when the last good answer came
	row      int       // good probes in a row
	asked    time.Time // start of the newest probe whose answer was taken into account
	falls    []time.Time
	err      string // what the last bad probe said
}

// New returns an empty pool. name is the network alias of its members.
func New(name string, timing Timing) *Pool {
	return &Pool{name: name, timing: timing, members: map[netip.Addr]*member{}}
}

// Outcome is what the name server said about a pool.
type Outcome int

const (
	Known   Outcome = iota // there are members: Found.Addrs
	Nobody                 // there are none: the name or its addresses do not exist
	Unclear                // the name server did not say
)

func (o Outcome) String() string { return [...]string{"known", "nobody", "unclear"}[o] }

// Found is one answer of the name server.
type Found struct {
	Outcome Outcome
	Addrs   []netip.Addr
	Err     error // why it is Unclear
}

// Ticket names one life of one member: a probe's answer counts only for the life that
// it was sent to.
type Ticket struct {
	Addr netip.Addr
	born uint64
}

// Find takes in what the name server said and returns the members that are new.
//
// Who is not named any more is forgotten at once, with its history: its address may
// be another container's in a moment. An unclear answer changes nothing.
func (p *Pool) Find(now time.Time, f Found) (fresh []Ticket) {
	p.found, p.at = f, now
	if f.Outcome == Unclear {
		return nil
	}
	addrs := f.Addrs
	if f.Outcome == Nobody {
		addrs = nil
	}
	for a := range p.members {
		if !slices.Contains(addrs, a) {
			delete(p.members, a)
		}
	}
	for _, a := range addrs {
		if _, ok := p.members[a]; ok {
			continue
		}
		p.lives++
		p.members[a] = &member{born: p.lives, since: now}
		fresh = append(fresh, Ticket{a, p.lives})
	}
	slices.SortFunc(fresh, func(a, b Ticket) int { return a.Addr.Compare(b.Addr) })
	return fresh
}

// Alive says whether the member of a ticket is still the one that it was.
func (p *Pool) Alive(t Ticket) bool {
	m := p.members[t.Addr]
	return m != nil && m.born == t.born
}

// Probed takes in the answer to a probe that was sent at asked; nil is a good one.
// An answer that a newer probe has overtaken counts as a sign of life, but does not
// spoil or prolong a row.
func (p *Pool) Probed(now, asked time.Time, t Ticket, err error) {
	if !p.Alive(t) {
		return
	}
	m := p.members[t.Addr]
	newest := !asked.Before(m.asked)
	if newest {
		m.asked = asked
	}
	if err != nil {
		if newest {
			m.row, m.err = 0, err.Error()
		}
		return
	}
	m.lastGood = now
	if newest {
		m.row++
		m.err = ""
	}
	if !m.healthy && m.row >= m.needed(now) {
		m.healthy, m.since = true, now
	}
}

// needed is the number of good probes in a row that make a member healthy: one for a
// new member, more for one that fell lately, so that a member that comes and goes
// stays away for longer each time.
func (m *member) needed(now time.Time) int {
	falls := 0
	for _, at := range m.falls {
		if now.Sub(at) < flapMemory {
			falls++
		}
	}
	switch {
	case falls <= 2:
		return 1 + falls
	default:
		return 8
	}
}

// Tick lets time pass: who was silent for too long becomes unhealthy. It wants to be called
// several times within Timing.Probe. If it was not, it was this process that stood still
// (a paused machine, a processor quota that is used up), and the members are not to blame.
func (p *Pool) Tick(now time.Time) {
	if gap := now.Sub(p.ticked); !p.ticked.IsZero() && gap > p.timing.Probe {
		for _, m := range p.members {
			m.lastGood = m.lastGood.Add(gap)
		}
	}
	p.ticked = now
	for _, m := range p.members {
		if !m.healthy || now.Sub(m.lastGood) < p.timing.Silence {
			continue
		}
		m.healthy, m.since, m.row = false, now, 0
		m.falls = append(m.falls, now)
		if len(m.falls) > 3 {
			m.falls = m.falls[1:]
		}
		if m.err == "" {
			m.err = "no answer"
		}
	}
}

// Answer is what the pool's name resolves to, sorted and never empty: the healthy
// members; all of them if none is healthy, since a bad probe must not be what takes
// a site down; Placeholder if there are none.
func (p *Pool) Answer() []netip.Addr {
	var healthy, all []netip.Addr
	for a, m := range p.members {
		all = append(all, a)
		if m.healthy {
			healthy = append(healthy, a)
		}
	}
	switch {
	case len(healthy) > 0:
		all = healthy
	case len(all) == 0:
		return []netip.Addr{Placeholder}
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return all
}

// Tell is Answer for nginx itself, which asks once a second: from now on it knows them.
func (p *Pool) Tell() []netip.Addr {
	p.told = p.Answer()
	return p.told
}

// Tickets are all members, sorted by address.
func (p *Pool) Tickets() []Ticket {
	out := make([]Ticket, 0, len(p.members))
	for a, m := range p.members {
		out = append(out, Ticket{a, m.born})
	}
	slices.SortFunc(out, func(a, b Ticket) int { return a.Addr.Compare(b.Addr) })
	return out
}
