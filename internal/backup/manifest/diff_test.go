package manifest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func contents() Contents {
	c := sample().Contents
	c.Normalise()
	return c
}

func TestDiff(t *testing.T) {
	require.Empty(t, Diff(contents(), contents()))
	for _, c := range []struct {
		name   string
		change func(*Contents)
		want   string
		note   bool
	}{
		{"rows", func(c *Contents) { c.Tables[1].Rows = 2 }, "table rows public.orders: expected 3, found 2", false},
		{"hash", func(c *Contents) { c.Tables[1].Hash = "1" }, "table hash public.orders: expected -42, found 1", false},
		{"table gone", func(c *Contents) { c.Tables = c.Tables[:1] }, "table public.orders: missing (expected 3 rows)", false},
		{"table more", func(c *Contents) { c.Tables = append(c.Tables, Table{Schema: "x", Name: "y"}) }, "table x.y: not in the backup, found 0 rows", false},
		{"hashes", func(c *Contents) { c.RowHash = "2" }, "table hashes of all tables: expected computed as record-hash-sum/1, found computed as 2", false},
		{"sequence", func(c *Contents) { c.Sequences[0].Last = 6; c.Sequences[0].ColumnMax = nil }, "sequence public.orders_id_seq: expected next value 8 or further, found next value 7", false},
		{"sequence not called", func(c *Contents) { c.Sequences[0].Called = false; c.Sequences[0].ColumnMax = nil }, "sequence public.orders_id_seq: expected next value 8 or further, found next value 7", false},
		{"column", func(c *Contents) { m := int64(9); c.Sequences[0].ColumnMax = &m }, "sequence public.orders_id_seq: expected next value beyond 9 in public.orders.id, found next value 8", false},
		{"sequence gone", func(c *Contents) { c.Sequences = nil }, "sequence public.orders_id_seq: missing (expected last value 7)", false},
		{"sequence other", func(c *Contents) { c.Sequences[0].Max = 5; c.Sequences[0].ColumnMax = nil }, "sequence definition public.orders_id_seq: expected bigint start 1", false},
		{"view", func(c *Contents) { c.MatViews[0].Populated = false }, "materialized view public.v: expected populated, found not populated", false},
		{"objects", func(c *Contents) { c.LargeObjects.Count = 1 }, "large objects count: expected 2, found 1", false},
		{"object hash", func(c *Contents) { c.LargeObjects.Hash = "1/3" }, "large objects hash", false},
		{"extension", func(c *Contents) { c.Extensions = c.Extensions[:1] }, "extension hstore: missing (expected version 1.8)", false},
		{"extension version", func(c *Contents) { c.Extensions[1].Version = "1.9" }, "extension hstore: expected version 1.8, found version 1.9", true},
		{"object", func(c *Contents) { c.Objects = c.Objects[1:] }, "index public.i: missing (expected there)", false},
		{"grants", func(c *Contents) { c.Objects[1].ACL = nil }, "table public.orders: expected table, owner app, grants app=arwd/app b=r/app, found table, owner app", false},
		{"tablespace", func(c *Contents) { c.Objects[0].Tablespace = "" }, "index tablespace public.i: expected fast, found none", true},
		{"role", func(c *Contents) { c.Roles = c.Roles[1:] }, "role app: missing (expected superuser noinherit connection limit 5 nologin)", false},
		{"role's rights", func(c *Contents) { c.Roles[0].Super = false }, "role app: expected superuser", true},
		{"setting", func(c *Contents) { c.Database.Settings[0].Value = "SQL" }, "database setting datestyle: expected '<ISO>', found 'SQL'", false},
		{"encoding", func(c *Contents) { c.Database.Encoding = "LATIN1" }, `expected UTF8, found LATIN1`, false},
		{"collation", func(c *Contents) { c.Database.Collation = "2" }, "collation version", true},
	} {
		got := contents()
		c.change(&got)
		all := Diff(contents(), got)
		require.NotEmpty(t, all, c.name)
		assert.Contains(t, all[0].String(), c.want, c.name)
		assert.Equal(t, c.note, all[0].Note, c.name)
		assert.Equal(t, c.note, len(Faults(all)) == 0, c.name)
	}
	// What does not matter: the name of the database, other roles, a role that nobody needs.
	got := contents()
	got.Database.Name = "side"
	got.Roles = append(got.Roles[:1], Role{Name: "more"})
	for _, d := range Diff(contents(), got) {
		assert.NotContains(t, d.Kind, "role")
	}
}

func TestSequencesBehind(t *testing.T) {
	up := Sequence{Schema: "s", Name: "q", Increment: 1, Min: 1, Max: 10}
	down := Sequence{Schema: "s", Name: "q", Increment: -2, Min: -10, Max: 10}
	with := func(s Sequence, last int64, called bool) Sequence { s.Last, s.Called = last, called; return s }
	for _, c := range []struct {
		name      string
		want, got Sequence
		behind    bool
	}{
		{"same", with(up, 3, true), with(up, 3, true), false},
		{"further", with(up, 3, true), with(up, 4, true), false},
		{"behind", with(up, 3, true), with(up, 2, true), true},
		{"same next", with(up, 3, true), with(up, 4, false), false},
		{"never called", with(up, 1, true), with(up, 1, false), true},
		{"used up", with(up, 10, true), with(up, 10, true), false},
		{"was used up", with(up, 10, true), with(up, 10, false), true},
		{"is used up", with(up, 9, true), with(up, 10, true), false},
		{"down further", with(down, 4, true), with(down, 2, true), false},
		{"down behind", with(down, 2, true), with(down, 4, true), true},
		{"down used up", with(down, -10, true), with(down, -8, true), true},
		{"around the end of int64", Sequence{Schema: "s", Name: "q", Increment: 5, Min: 1, Max: 1<<63 - 1, Last: 1<<63 - 3, Called: true},
			Sequence{Schema: "s", Name: "q", Increment: 5, Min: 1, Max: 1<<63 - 1, Last: 7, Called: true}, true},
	} {
		all := Diff(Contents{Sequences: []Sequence{c.want}}, Contents{Sequences: []Sequence{c.got}})
		assert.Equal(t, c.behind, len(all) > 0, "%s: %v", c.name, all)
	}
	// One that was behind its table already is not a restore's fault; a cycle has no direction.
	nine := int64(9)
	was := with(up, 3, true)
	was.ColumnMax = &nine
	assert.Empty(t, Diff(Contents{Sequences: []Sequence{was}}, Contents{Sequences: []Sequence{was}}))
	cycle := with(up, 9, true)
	cycle.Cycle = true
	begun := cycle
	begun.Last = 1
	assert.Empty(t, Diff(Contents{Sequences: []Sequence{cycle}}, Contents{Sequences: []Sequence{begun}}))
}
