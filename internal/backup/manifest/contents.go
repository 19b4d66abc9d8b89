package manifest

// RowHash names how table hashes are computed, so that two that were computed in
// different ways are never compared. See logical's rowhash.go for what it sees.
const RowHash = "record-hash-sum/1"

// Contents is what is in a database, as far as a restore has to bring it back.
type Contents struct {
	RowHash      string       `json:"rowHash"`
	Database     Database     `json:"database"`
	Tables       []Table      `json:"tables"`
	Sequences    []Sequence   `json:"sequences"`
	MatViews     []MatView    `json:"materializedViews"`
	LargeObjects LargeObjects `json:"largeObjects"`
	Extensions   []Extension  `json:"extensions"`
	Objects      []Object     `json:"objects"`
	Roles        []Role       `json:"roles"`
	Tablespaces  []Tablespace `json:"tablespaces"`
}

// Database are the properties that pg_dump leaves to CREATE DATABASE.
type Database struct {
	Name      string `json:"name"`
	Owner     string `json:"owner"`
	Encoding  string `json:"encoding"`
	Provider  string `json:"localeProvider"` // libc, icu or builtin
	Collate   string `json:"collate"`
	Ctype     string `json:"ctype"`
	Locale    string `json:"locale"` // of icu and builtin
	ICURules  string `json:"icuRules"`
	Collation string `json:"collationVersion"` // that its indexes were made with
	// CollationActual is the version that the server's libraries have. Another one than
	// Collation means that indexes over text may be out of order.
	CollationActual string      `json:"collationActualVersion"`
	Tablespace      string      `json:"tablespace"`
	ConnLimit       int         `json:"connectionLimit"` // -1 is none
	Comment         string      `json:"comment"`
	ACL             []string    `json:"acl"`      // empty is the default
	Settings        []DBSetting `json:"settings"` // ALTER DATABASE SET, ALTER ROLE IN DATABASE SET
}

// DBSetting is a setting of the database, for one role or for all.
type DBSetting struct {
	Role  string `json:"role"` // "" is everyone
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Table is one that holds rows: a plain table or a leaf of a partitioned one.
type Table struct {
	Schema   string `json:"schema"`
	Name     string `json:"name"`
	Unlogged bool   `json:"unlogged,omitempty"`
	Leaf     bool   `json:"leaf,omitempty"` // a partition
	Rows     int64  `json:"rows"`
	Hash     string `json:"hash"`  // of all rows, whatever their order
	Bytes    int64  `json:"bytes"` // on disk, without indexes
}

// Sequence is the state of a sequence. Sequences are outside of transactions: the state
// is that of a moment between the snapshot and the start of pg_dump, so what was dumped
// is the same or further on.
type Sequence struct {
	Schema    string `json:"schema"`
	Name      string `json:"name"`
	Type      string `json:"type"`
	Start     int64  `json:"start"`
	Increment int64  `json:"increment"`
	Min       int64  `json:"min"`
	Max       int64  `json:"max"`
	Cycle     bool   `json:"cycle,omitempty"`
	Last      int64  `json:"last"`
	Called    bool   `json:"called"`            // whether Last was handed out
	OwnedBy   string `json:"ownedBy,omitempty"` // schema.table.column
	// ColumnMax is the furthest value in the column (the smallest for a descending
	// sequence), nil without one.
	ColumnMax *int64 `json:"columnMax,omitempty"`
}

// MatView is a materialized view. Its rows are not compared: a restore fills it anew
// from the tables, while the dumped one may have been stale.
type MatView struct {
	Schema    string `json:"schema"`
	Name      string `json:"name"`
	Populated bool   `json:"populated"`
}

// LargeObjects sums up all large objects. The hash covers number, owner, grants, size
// and bytes of each.
type LargeObjects struct {
	Count  int64   `json:"count"`
	Bytes  int64   `json:"bytes"`
	Hash   string  `json:"hash"`
	Owners []Count `json:"owners"`
}

// Count is a number of things by name.
type Count struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// Extension is an installed extension.
type Extension struct {
	Name    string `json:"name"`
	Schema  string `json:"schema"`
	Version string `json:"version"`
}

// Object is anything with a name. Detail tells what a restore must keep of it, in words
// that come out the same on another server: no expressions, which PostgreSQL may write
// in another way after each restore.
type Object struct {
	Kind       string   `json:"kind"` // as pg_identify_object says it
	Name       string   `json:"name"` // identity, quoted and qualified
	Owner      string   `json:"owner,omitempty"`
	Detail     string   `json:"detail,omitempty"`
	Tablespace string   `json:"tablespace,omitempty"`
	ACL        []string `json:"acl,omitempty"` // empty is the default
}

// Role is a role of the server. Needed ones own something in the database or are granted
// something; the others are recorded for whoever rebuilds the whole server.
type Role struct {
	Name        string       `json:"name"`
	Needed      bool         `json:"needed,omitempty"`
	Super       bool         `json:"superuser,omitempty"`
	Inherit     bool         `json:"inherit,omitempty"`
	CreateRole  bool         `json:"createRole,omitempty"`
	CreateDB    bool         `json:"createDatabase,omitempty"`
	Login       bool         `json:"login,omitempty"`
	Replication bool         `json:"replication,omitempty"`
	BypassRLS   bool         `json:"bypassRowSecurity,omitempty"`
	ConnLimit   int          `json:"connectionLimit"`
	ValidUntil  string       `json:"validUntil,omitempty"`
	Settings    []Setting    `json:"settings,omitempty"`
	MemberOf    []Membership `json:"memberOf,omitempty"`
}

// Membership is a role that another one was granted.
type Membership struct {
	Role    string `json:"role"`
	Admin   bool   `json:"admin,omitempty"`
	Inherit bool   `json:"inherit,omitempty"`
	Set     bool   `json:"set,omitempty"`
}

// Tablespace is one that the database uses.
type Tablespace struct {
	Name     string `json:"name"`
	Owner    string `json:"owner"`
	Location string `json:"location"`
}

// Rows is the number of rows in all tables.
func (c *Contents) Rows() int64 {
	var n int64
	for _, t := range c.Tables {
		n += t.Rows
	}
	return n
}
