package pool

import (
	"net/netip"
	"slices"
	"time"
)

// View is a pool as it is shown: a copy that nobody changes any more.
type View struct {
	Name    string       `json:"name"`
	Members []MemberView `json:"members"` // sorted by address, never null
	Answer  []netip.Addr `json:"answer"`  // what nginx is told
	Mode    string       `json:"mode"`    // one of the Mode constants
	Names   string       `json:"names"`   // what the name server said last: known, nobody, unclear
	Error   string       `json:"error,omitempty"`
}

// How a pool's answer came about.
const (
	ModeHealthy  = "healthy"   // the healthy members
	ModeFailOpen = "fail-open" // none is healthy: all members
	ModeEmpty    = "empty"     // there are no members: Placeholder
)

// MemberView is one member.
type MemberView struct {
	Addr    netip.Addr `json:"addr"`
	Healthy bool       `json:"healthy"`
	Told    bool       `json:"told"` // nginx has heard of it, so requests can reach it
	Since   time.Time  `json:"since"`
	Error   string     `json:"error,omitempty"` // what the last bad probe said
}

// View copies the state of the pool.
func (p *Pool) View() View {
	v := View{Name: p.name, Members: []MemberView{}, Answer: p.Answer(), Mode: ModeEmpty, Names: p.found.Outcome.String()}
	if p.at.IsZero() {
		v.Names = Unclear.String()
	}
	if p.found.Err != nil {
		v.Error = p.found.Err.Error()
	}
	for a, m := range p.members {
		v.Members = append(v.Members, MemberView{Addr: a, Healthy: m.healthy, Told: slices.Contains(p.told, a), Since: m.since, Error: m.err})
	}
	slices.SortFunc(v.Members, func(a, b MemberView) int { return a.Addr.Compare(b.Addr) })
	if len(v.Members) > 0 {
		v.Mode = ModeFailOpen
	}
	if v.Healthy() > 0 {
		v.Mode = ModeHealthy
	}
	return v
}

// Healthy is the number of healthy members.
func (v View) Healthy() int {
	n := 0
	for _, m := range v.Members {
		if m.Healthy {
			n++
		}
	}
	return n
}
