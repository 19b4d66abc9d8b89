package manifest

import (
	"fmt"
	"slices"
	"strings"
)

// Difference is one thing that is not as the manifest says.
type Difference struct {
	Kind string // table rows, table hash, sequence, extension, role, an Object's kind, ...
	Name string
	Want string // what the manifest says; "" for something that should not be there
	Got  string // what was found; "" for something that is missing
	// Note is a difference that does not make a restore wrong: another minor version of
	// an extension, another tablespace, a role that already was there with other rights.
	Note bool
}

// String is one line for people.
func (d Difference) String() string {
	switch {
	case d.Want == "":
		return fmt.Sprintf("%s %s: not in the backup, found %s", d.Kind, d.Name, d.Got)
	case d.Got == "":
		return fmt.Sprintf("%s %s: missing (expected %s)", d.Kind, d.Name, d.Want)
	}
	return fmt.Sprintf("%s %s: expected %s, found %s", d.Kind, d.Name, d.Want, d.Got)
}

// Faults are the differences that make a restore wrong.
func Faults(all []Difference) []Difference {
	return slices.DeleteFunc(slices.Clone(all), func(d Difference) bool { return d.Note })
}

// Diff compares what a database holds with what it should hold. Both must be normalised.
// The names of the databases may differ.
func Diff(want, got Contents) []Difference {
	d := &differ{}
	d.database(want.Database, got.Database)
	d.tables(want, got)
	d.sequences(want.Sequences, got.Sequences)
	d.largeObjects(want.LargeObjects, got.LargeObjects)
	pairs(d, "materialized view", want.MatViews, got.MatViews, MatView.String,
		func(v MatView) string { return choose(v.Populated, "populated", "not populated") })
	d.extensions(want.Extensions, got.Extensions)
	d.objects(want.Objects, got.Objects)
	d.roles(want.Roles, got.Roles)
	return d.found
}

type differ struct{ found []Difference }

func (d *differ) add(kind, name, want, got string) {
	if want != got {
		d.found = append(d.found, Difference{Kind: kind, Name: name, Want: want, Got: got})
	}
}

func (d *differ) note(kind, name, want, got string) {
	if want != got {
		d.found = append(d.found, Difference{Kind: kind, Name: name, Want: want, Got: got, Note: true})
	}
}

// pairs reports what is on one side only, and pairs whose description differs.
func pairs[T any](d *differ, kind string, want, got []T, name, describe func(T) string) {
	match(want, got, name, func(n string, w, g *T) {
		switch {
		case g == nil:
			d.add(kind, n, describe(*w), "")
		case w == nil:
			d.add(kind, n, "", describe(*g))
		default:
			d.add(kind, n, describe(*w), describe(*g))
		}
	})
}

// match calls each once per name, in order of want, then what only got has.
func match[T any](want, got []T, name func(T) string, each func(name string, want, got *T)) {
	byName := map[string]*T{}
	for i := range got {
		byName[name(got[i])] = &got[i]
	}
	for i := range want {
		n := name(want[i])
		each(n, &want[i], byName[n])
		delete(byName, n)
	}
	for i := range got {
		n := name(got[i])
		if byName[n] == &got[i] {
			each(n, nil, &got[i])
		}
	}
}

func (d *differ) database(w, g Database) {
	d.add("database owner", w.Name, w.Owner, g.Owner)
	d.add("database encoding", w.Name, w.Encoding, g.Encoding)
	locale := func(x Database) string {
		return strings.Join([]string{x.Provider, x.Collate, x.Ctype, x.Locale, x.ICURules}, " ")
	}
	d.add("database locale", w.Name, locale(w), locale(g))
	d.add("database connection limit", w.Name, fmt.Sprint(w.ConnLimit), fmt.Sprint(g.ConnLimit))
	d.add("database comment", w.Name, orNone(w.Comment), orNone(g.Comment))
	d.add("database grants", w.Name, orNone(strings.Join(w.ACL, " ")), orNone(strings.Join(g.ACL, " ")))
	pairs(d, "database setting", w.Settings, g.Settings,
		func(s DBSetting) string { return Ident(s.Name) + choose(s.Role == "", "", " of role "+Ident(s.Role)) },
		func(s DBSetting) string { return "'" + s.Value + "'" })
	d.note("database tablespace", w.Name, orNone(w.Tablespace), orNone(g.Tablespace))
	d.note("collation version", w.Name, orNone(w.Collation), orNone(g.Collation))
}

func (d *differ) tables(want, got Contents) {
	comparable := want.RowHash == got.RowHash
	if !comparable {
		d.add("table hashes", "of all tables", "computed as "+want.RowHash, "computed as "+got.RowHash)
	}
	match(want.Tables, got.Tables, Table.String, func(name string, w, g *Table) {
		switch {
		case g == nil:
			d.add("table", name, fmt.Sprintf("%d rows", w.Rows), "")
		case w == nil:
			d.add("table", name, "", fmt.Sprintf("%d rows", g.Rows))
		case w.Rows != g.Rows:
			d.add("table rows", name, fmt.Sprint(w.Rows), fmt.Sprint(g.Rows))
		case comparable:
			d.add("table hash", name, w.Hash, g.Hash)
		}
	})
}

func (d *differ) largeObjects(w, g LargeObjects) {
	d.add("large objects", "count", fmt.Sprint(w.Count), fmt.Sprint(g.Count))
	d.add("large objects", "bytes", fmt.Sprint(w.Bytes), fmt.Sprint(g.Bytes))
	pairs(d, "large objects", w.Owners, g.Owners, func(c Count) string { return "owned by " + Ident(c.Name) },
		func(c Count) string { return fmt.Sprint(c.Count) })
	if w.Count == g.Count && w.Bytes == g.Bytes {
		d.add("large objects", "hash", w.Hash, g.Hash)
	}
}

func (d *differ) extensions(want, got []Extension) {
	match(want, got, func(e Extension) string { return e.Name }, func(name string, w, g *Extension) {
		switch {
		case g == nil:
			d.add("extension", name, "version "+w.Version, "")
		case w == nil:
			d.add("extension", name, "", "version "+g.Version)
		default:
			d.add("extension", name, "in schema "+w.Schema, "in schema "+g.Schema)
			// CREATE EXTENSION takes the version that the server ships.
			d.note("extension", name, "version "+w.Version, "version "+g.Version)
		}
	})
}

func (d *differ) objects(want, got []Object) {
	match(want, got, func(o Object) string { return o.Kind + " " + o.Name }, func(_ string, w, g *Object) {
		switch {
		case g == nil && w.Kind == KindSubscription:
			// Left out by a restore: it would compete with the live one for its slot.
			d.note(w.Kind, w.Name, "there", "")
		case g == nil:
			d.add(w.Kind, w.Name, describeObject(*w), "")
		case w == nil:
			d.add(g.Kind, g.Name, "", describeObject(*g))
		default:
			d.add(w.Kind, w.Name, describeObject(*w), describeObject(*g))
			d.note(w.Kind+" tablespace", w.Name, orNone(w.Tablespace), orNone(g.Tablespace))
		}
	})
}

// KindSubscription is the kind of Object that logical subscriptions have.
const KindSubscription = "subscription"

func describeObject(o Object) string {
	var parts []string
	if o.Detail != "" {
		parts = append(parts, o.Detail)
	}
	if o.Owner != "" {
		parts = append(parts, "owner "+Ident(o.Owner))
	}
	if len(o.ACL) > 0 {
		parts = append(parts, "grants "+strings.Join(o.ACL, " "))
	}
	if len(parts) == 0 {
		return "there"
	}
	return strings.Join(parts, ", ")
}

func choose(b bool, yes, no string) string {
	if b {
		return yes
	}
	return no
}

func orNone(s string) string { return choose(s == "", "none", s) }
