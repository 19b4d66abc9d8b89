package backup

import (
	"fmt"
	"slices"
	"strings"

	"drydock/internal/backup/logical"
	"drydock/internal/backup/manifest"
)

// Finding is one thing that was looked at. The names are stable: they stand in evidence,
// and a failed drill ends with them.
type Finding struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"` // what was looked at, or all that is wrong
}

// The names of the findings.
const (
	FindingFiles     = "files of the backup"
	FindingRecord    = "record of the backup"
	FindingTables    = "tables"
	FindingSequences = "sequences"
	FindingAhead     = "sequences ahead of their tables"
	FindingExtension = "extensions"
	FindingRoles     = "roles"
	FindingLarge     = "large objects"
	FindingObjects   = "objects and rights"
	FindingDatabase  = "properties of the database"
)

// maxNamed is how many differences a finding names.
const maxNamed = 20

// finding makes one of its problems; none is a good one, which says what was looked at.
func finding(name, looked string, problems []string) Finding {
	if len(problems) == 0 {
		return Finding{Name: name, OK: true, Detail: looked}
	}
	text := strings.Join(problems[:min(len(problems), maxNamed)], "; ")
	if more := len(problems) - maxNamed; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return Finding{Name: name, Detail: text}
}

// compared turns the differences between a manifest and what was restored into findings:
// one for each kind of thing, so that a failure has a name.
func compared(want, got manifest.Contents) []Finding {
	faults := map[string][]string{}
	for _, d := range manifest.Faults(manifest.Diff(want, got)) {
		name := kindOf(d.Kind)
		faults[name] = append(faults[name], d.String())
	}
	var needed int
	for _, r := range want.Roles {
		if r.Needed {
			needed++
		}
	}
	return []Finding{
		finding(FindingTables, fmt.Sprintf("%d tables, %d rows: number and content hash of each equal the manifest", len(want.Tables), want.Rows()), faults[FindingTables]),
		finding(FindingSequences, fmt.Sprintf("%d sequences are where they were, or further on", len(want.Sequences)), faults[FindingSequences]),
		ahead(want, got),
		finding(FindingExtension, fmt.Sprintf("%d extensions, in their schemas", len(want.Extensions)), faults[FindingExtension]),
		finding(FindingRoles, fmt.Sprintf("%d roles that the database needs", needed), faults[FindingRoles]),
		finding(FindingLarge, fmt.Sprintf("%d large objects, %d bytes", want.LargeObjects.Count, want.LargeObjects.Bytes), faults[FindingLarge]),
		finding(FindingObjects, fmt.Sprintf("%d objects with owner, definition and grants", len(want.Objects)), faults[FindingObjects]),
		finding(FindingDatabase, "owner, encoding, locale, settings, grants", faults[FindingDatabase]),
	}
}

// kindOf is the finding that a kind of difference belongs to (package manifest names them).
func kindOf(kind string) string {
	switch first, _, _ := strings.Cut(kind, " "); {
	case first == "table" && slices.Contains([]string{"table", "table rows", "table hash", "table hashes"}, kind):
		return FindingTables
	case kind == "sequence", kind == "sequence definition":
		return FindingSequences
	case kind == "extension":
		return FindingExtension
	case first == "role":
		return FindingRoles
	case kind == "large objects":
		return FindingLarge
	case first == "database":
		return FindingDatabase
	}
	return FindingObjects
}

// ahead looks whether each sequence would hand out a value that its column has not got
// yet; behind, the first INSERT after a recovery fails. One that was behind when the backup
// was made is the live database's fault, not the backup's: it is named, and fails nothing.
func ahead(want, got manifest.Contents) Finding {
	before := map[string]bool{}
	for _, s := range want.Sequences {
		before[s.String()] = s.Behind()
	}
	var problems, known []string
	owned := 0
	for _, s := range got.Sequences {
		if s.ColumnMax != nil {
			owned++
		}
		if !s.Behind() {
			continue
		}
		text := fmt.Sprintf("%s would hand out a value that %s has (its furthest is %d)", s, s.OwnedBy, *s.ColumnMax)
		if before[s.String()] {
			known = append(known, text)
		} else {
			problems = append(problems, text)
		}
	}
	looked := fmt.Sprintf("%d sequences that fill a column are beyond its values", owned-len(known))
	if len(known) > 0 {
		looked += "; as in the live database: " + strings.Join(known[:min(len(known), maxNamed)], "; ")
	}
	return finding(FindingAhead, looked, problems)
}

// controls says of each piece of damage whether the findings name it.
func controls(damaged []logical.Damaged, found []Finding) (list []Finding) {
	for _, d := range damaged {
		by := FindingTables
		if d.Kind == "sequence" {
			by = FindingSequences
		}
		var f Finding
		for _, one := range found {
			if one.Name == by {
				f = one
			}
		}
		list = append(list, seen(d.What+" in "+d.Name, d.Name, by, f))
	}
	return list
}

// seen is good when the finding is bad and names the thing.
func seen(what, name, by string, f Finding) Finding {
	if !f.OK && f.Name == by && strings.Contains(f.Detail, name) {
		return Finding{Name: what, OK: true, Detail: "seen by " + by}
	}
	return Finding{Name: what, Detail: fmt.Sprintf("%s did not see it, so that it saw nothing before proves nothing: %s", by, f.Detail)}
}
