package logical

import (
	"strings"

	"github.com/jackc/pgx/v5"
)

// How a table is hashed (manifest.RowHash names it):
//
//	sum over all rows of mix(hash_record_extended(ROW(c1, c2, ...), 0))
//
// with the columns in order of their names, which survives a restore where their order
// may not (inheritance). The server's 64-bit hash of a record sees the place of each
// value and tells NULL from an empty one. It takes about as much of a processor as the
// server's part of COPY does, a third of what pg_dump with zstd takes in all; md5 over the
// row's text takes four times as much.
//
// mix is needed since the hash of a record adds up multiples of its values' hashes: without
// it values that changed places between two rows of one column would leave the sum as it
// was. It hashes the upper half and, seeded with that, the lower one: hashint8extended alone
// would fold the two into 32 bits. A sum, unlike XOR, sees a row that is there twice.
//
// Few types' own hash functions see every difference. That of numeric leaves out the
// sign, those of bigint and the timestamps take 1 and 2^32 for one, float's takes -0 for 0,
// jsonb's turns in circles every 64 elements, an enum's is made of an oid that is another one
// on each server. Such values are hashed in their wire form or as text. The functions
// that are left decide where rows of hash partitions lie, so PostgreSQL keeps them the same
// between versions. They differ between byte orders.
//
// It finds accidents: two tables that differ have one hash with a chance of 2^-64. It does
// not stop somebody who computes collisions; the SHA-256 of the files does.

// column is one column of a table, as far as hashing goes.
type column struct {
	name string
	typ  uint32 // oid
}

// native are the types whose own hash function sees every difference: those of 32 bits and
// less, and those that are hashed byte by byte.
var native = map[uint32]bool{
	16: true, 17: true, 18: true, // bool, bytea, "char"
	21: true, 23: true, 26: true, 1082: true, // int2, int4, oid, date
	2950: true, // uuid
}

// wire are the functions that write a type in a form of its own, faster than its text.
var wire = map[uint32]string{
	20: "int8send", 700: "float4send", 701: "float8send", 1700: "numeric_send",
	1083: "time_send", 1114: "timestamp_send", 1184: "timestamptz_send",
}

const (
	oidText, oidVarchar, oidChar = 25, 1043, 1042
	collateC                     = ` collate pg_catalog."C"`
)

// hashQuery counts and hashes a table. Columns must be in order of their names.
func hashQuery(schema, table string, columns []column) string {
	from := " from only " + quote(schema, table) + " t"
	if len(columns) == 0 {
		return "select pg_catalog.count(*), '0'" + from
	}
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = c.expression()
	}
	// OFFSET 0 keeps the planner from computing h twice.
	return "select pg_catalog.count(*), coalesce(pg_catalog.sum(pg_catalog.hashint8extended(h & 4294967295, pg_catalog.hashint8extended(h >> 32, 0))), 0)::pg_catalog.text" +
		" from (select pg_catalog.hash_record_extended(row(" + strings.Join(parts, ", ") + "), 0) as h" + from + " offset 0) s"
}

func (c column) expression() string {
	v := "t." + quote(c.name)
	switch send := wire[c.typ]; {
	case native[c.typ]:
		return v
	// char(n) is hashed without the blanks at its end, as its text has none: that cast is slow.
	case c.typ == oidText || c.typ == oidVarchar || c.typ == oidChar:
		return v + collateC
	case send != "":
		return "pg_catalog." + send + "(" + v + ")"
	}
	return v + "::pg_catalog.text" + collateC
}

// quote quotes and joins names for a statement.
func quote(parts ...string) string { return pgx.Identifier(parts).Sanitize() }

// literal quotes a string for a statement. The sessions have standard_conforming_strings
// on; backslashes are written so that it does not matter.
func literal(s string) string {
	q := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(q, `\`) {
		q = " E" + strings.ReplaceAll(q, `\`, `\\`)
	}
	return q
}
