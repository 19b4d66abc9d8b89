package logical

import (
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// How a table is hashed (manifest.RowHash names it):
//
//	sum over all rows of hashint8extended(hash_record_extended(ROW(c1, c2, ...), 0), 0)
//
// with the columns in order of their names, which survives a restore where their order
// may not (inheritance). The server's 64-bit hash of a record sees the place of each
// value, tells NULL from an empty one, and costs about as much as COPY; md5 over the
// row's text costs four times as much. The outer hash is needed: that of a record adds up
// multiples of its values' hashes, so without it values that changed places between two
// rows of one column would leave the sum as it was. A sum, unlike XOR, sees a row that is
// there twice.
//
// A value is hashed by its type's own function where equal values are written equally,
// else by its text or wire form: -0 is not 0, 1.0 not 1.00, an enum's oid is another one
// on each server, and the hash of jsonb turns in circles every 64 elements. These hashes
// decide where rows of hash partitions lie, so PostgreSQL keeps them the same between
// versions. They differ between byte orders.
//
// It finds accidents: two tables that differ have one hash with a chance of 2^-64. It does
// not stop somebody who computes collisions; the SHA-256 of the files does.

// column is one column of a table, as far as hashing goes.
type column struct {
	name string
	typ  uint32 // oid
	mod  int32  // type modifier
}

// native are the types whose own hash function sees every difference.
var native = map[uint32]bool{
	16: true, 17: true, 18: true, // bool, bytea, "char"
	20: true, 21: true, 23: true, 26: true, // int8, int2, int4, oid
	1082: true, 1083: true, 1114: true, 1184: true, // date, time, timestamp, timestamptz
	2950: true, // uuid
}

const (
	oidText, oidVarchar    = 25, 1043
	oidFloat4, oidFloat8   = 700, 701
	oidNumeric             = 1700
	collateC               = ` collate pg_catalog."C"`
	hashRow, hashRowEnding = "pg_catalog.hashint8extended(pg_catalog.hash_record_extended(row(", "), 0), 0)"
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
	return "select pg_catalog.count(*), coalesce(pg_catalog.sum(" + hashRow + strings.Join(parts, ", ") + hashRowEnding + "), 0)::pg_catalog.text" + from
}

func (c column) expression() string {
	v := "t." + quote(c.name)
	switch {
	case native[c.typ]:
		return v
	case c.typ == oidText || c.typ == oidVarchar:
		return v + collateC
	case c.typ == oidFloat4:
		return "pg_catalog.float4send(" + v + ")"
	case c.typ == oidFloat8:
		return "pg_catalog.float8send(" + v + ")"
	case c.typ == oidNumeric && c.mod >= 0:
		return v // its scale is fixed
	case c.typ == oidNumeric:
		return "pg_catalog.numeric_send(" + v + ")"
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

func oids(list []uint32) string {
	out := make([]string, len(list))
	for i, o := range list {
		out[i] = strconv.FormatUint(uint64(o), 10)
	}
	return strings.Join(out, ",")
}
