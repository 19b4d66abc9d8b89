package manifest

import (
	"fmt"
	"strings"
)

func (d *differ) sequences(want, got []Sequence) {
	match(want, got, Sequence.String, func(name string, w, g *Sequence) {
		switch {
		case g == nil:
			d.add("sequence", name, "last value "+fmt.Sprint(w.Last), "")
			return
		case w == nil:
			d.add("sequence", name, "", "last value "+fmt.Sprint(g.Last))
			return
		}
		d.add("sequence definition", name, w.definition(), g.definition())
		if w.Cycle {
			return // it may have begun anew, which is not behind
		}
		if behind(w.Increment, g.next(), w.next()) {
			d.add("sequence", name, fmt.Sprintf("next value %v or further", w.next()), fmt.Sprintf("next value %v", g.next()))
		}
		if g.behindColumn() && !w.behindColumn() {
			d.add("sequence", name, fmt.Sprintf("next value beyond %d in %s", *g.ColumnMax, g.OwnedBy), fmt.Sprintf("next value %v", g.next()))
		}
	})
}

func (s Sequence) definition() string {
	return fmt.Sprintf("%s start %d increment %d from %d to %d%s%s", s.Type, s.Start, s.Increment, s.Min, s.Max,
		choose(s.Cycle, " cycle", ""), choose(s.OwnedBy == "", "", " owned by "+s.OwnedBy))
}

// position is a value of a sequence that may be just past the end of int64.
type position struct {
	value int64
	past  bool // value is the last one that exists, and was handed out
}

func (p position) String() string {
	return fmt.Sprint(p.value) + choose(p.past, " is used up", "")
}

// next is the value that nextval would return.
func (s Sequence) next() position {
	if !s.Called {
		return position{value: s.Last}
	}
	n := s.Last + s.Increment
	if s.Increment > 0 && (n > s.Max || n < s.Last) || s.Increment < 0 && (n < s.Min || n > s.Last) {
		return position{value: s.Last, past: true}
	}
	return position{value: n}
}

// behind says whether a comes before b in the direction of the sequence.
func behind(increment int64, a, b position) bool {
	if a.past || b.past {
		return b.past && !a.past
	}
	if increment < 0 {
		return a.value > b.value
	}
	return a.value < b.value
}

// behindColumn says whether nextval would return a value that the column may have.
func (s Sequence) behindColumn() bool {
	if s.ColumnMax == nil || s.Cycle {
		return false
	}
	n := s.next()
	if n.past {
		return false
	}
	if s.Increment < 0 {
		return n.value >= *s.ColumnMax
	}
	return n.value <= *s.ColumnMax
}

// Behind says whether the sequence would hand out a value that its column may have: the next
// INSERT would fail. One that begins anew at its end is never behind.
func (s Sequence) Behind() bool { return s.behindColumn() }

func (d *differ) roles(want, got []Role) {
	match(want, got, func(r Role) string { return r.Name }, func(name string, w, g *Role) {
		switch {
		case w == nil: // other roles of that server are none of the backup's business
		case g == nil:
			if w.Needed {
				d.add("role", Ident(name), w.attributes(), "")
			}
		case w.Needed:
			// A restore never alters a role that was there.
			d.note("role", Ident(name), w.attributes(), g.attributes())
			pairsNote(d, "role "+Ident(name)+" member of", w.MemberOf, g.MemberOf)
		}
	})
}

func pairsNote(d *differ, kind string, want, got []Membership) {
	match(want, got, func(m Membership) string { return m.Role }, func(name string, w, g *Membership) {
		describe := func(m *Membership) string {
			if m == nil {
				return "no"
			}
			return "yes" + choose(m.Admin, " admin", "") + choose(m.Inherit, " inherit", "") + choose(m.Set, " set", "")
		}
		d.note(kind, Ident(name), describe(w), describe(g))
	})
}

func (r Role) attributes() string {
	var out []string
	for _, a := range []struct {
		has  bool
		name string
	}{{r.Super, "superuser"}, {r.CreateRole, "createrole"}, {r.CreateDB, "createdb"}, {r.Replication, "replication"},
		{r.BypassRLS, "bypassrls"}, {!r.Inherit, "noinherit"}, {r.ConnLimit >= 0, fmt.Sprintf("connection limit %d", r.ConnLimit)},
		{r.ValidUntil != "", "valid until " + r.ValidUntil}} {
		if a.has {
			out = append(out, a.name)
		}
	}
	out = append(out, choose(r.Login, "login", "nologin"))
	return strings.Join(out, " ")
}
