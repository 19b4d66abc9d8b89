package sqlcheck

import (
	"slices"
	"strings"
)

// name is the last part of a name that begins at i: public.notes is NOTES.
func name(w []string, i int) string {
	for i+2 < len(w) && w[i+1] == "." {
		i += 2
	}
	if i >= len(w) {
		return ""
	}
	if n, ok := strings.CutPrefix(w[i], `"`); ok {
		return strings.ToUpper(n)
	}
	return w[i]
}

// after skips words that may stand there.
func after(w []string, i int, skip ...string) int {
	for i < len(w) && slices.Contains(skip, w[i]) {
		i++
	}
	return i
}

func created(w []string, made map[string]bool, add func(bool, string, ...any)) {
	i := after(w, 1, "TEMP", "TEMPORARY", "UNLOGGED", "GLOBAL", "LOCAL", "UNIQUE")
	if i >= len(w) {
		return
	}
	switch w[i] {
	case "TABLE":
		made[name(w, after(w, i+1, "IF", "NOT", "EXISTS"))] = true
	case "INDEX":
		on := slices.Index(w, "ON")
		if on < 0 || slices.Contains(w[:on], "CONCURRENTLY") {
			return
		}
		if table := name(w, after(w, on+1, "ONLY")); !made[table] {
			add(false, "CREATE INDEX without CONCURRENTLY holds up writing to %s while it is built", strings.ToLower(table))
		}
	}
}

func dropped(w []string, made map[string]bool, add func(bool, string, ...any)) {
	i := 1
	what := []string{}
	for i < len(w) && slices.Contains([]string{"TABLE", "VIEW", "MATERIALIZED", "SCHEMA", "TYPE", "DOMAIN", "FUNCTION", "PROCEDURE", "ROUTINE", "AGGREGATE", "SEQUENCE", "EXTENSION", "DATABASE", "OWNED", "ROLE", "USER", "FOREIGN"}, w[i]) {
		what = append(what, w[i])
		i++
	}
	if len(what) == 0 {
		return // an index, a trigger, a policy: nothing that a query names
	}
	of := name(w, after(w, i, "IF", "EXISTS", "BY"))
	if made[of] {
		return
	}
	add(true, "DROP %s takes %s away", strings.Join(what, " "), strings.ToLower(of))
}

func altered(w []string, made map[string]bool, add func(bool, string, ...any)) {
	if len(w) < 3 {
		return
	}
	i := after(w, 2, "IF", "EXISTS", "ONLY", "VIEW", "TABLE")
	table := name(w, i)
	if w[1] == "TABLE" && made[table] {
		return
	}
	of := strings.ToLower(table)
	for _, a := range actions(w[min(i+1, len(w)):]) {
		switch {
		case has(a, "RENAME"):
			add(true, "RENAME in %s: the old name is gone", of)
		case has(a, "SET", "SCHEMA"):
			add(true, "SET SCHEMA moves %s away", of)
		case len(a) > 0 && a[0] == "DROP" && w[1] == "TABLE" && !slices.Contains([]string{"CONSTRAINT"}, at(a, 1)):
			add(true, "DROP COLUMN takes a column of %s away", of)
		case len(a) > 0 && a[0] == "DROP" && w[1] == "DOMAIN":
		case len(a) > 0 && a[0] == "ALTER" && has(a, "TYPE"):
			add(true, "ALTER TYPE of a column of %s; it may also write the whole table anew under a lock", of)
		case len(a) > 0 && a[0] == "ALTER" && has(a, "SET", "NOT", "NULL"):
			add(true, "SET NOT NULL in %s: the old release may write NULL", of)
		case len(a) > 0 && a[0] == "ALTER" && has(a, "DROP", "DEFAULT"):
			add(true, "DROP DEFAULT in %s: the old release may count on it", of)
		case len(a) > 0 && a[0] == "ADD" && w[1] == "TABLE" && at(a, 1) != "CONSTRAINT" && has(a, "NOT", "NULL") &&
			!has(a, "DEFAULT") && !has(a, "GENERATED") && !has(a, "CHECK") && !has(a, "SERIAL") && !has(a, "BIGSERIAL"):
			add(true, "ADD COLUMN with NOT NULL and no DEFAULT in %s: the old release writes rows without it", of)
		case len(a) > 0 && a[0] == "ADD" && (at(a, 1) == "CONSTRAINT" || slices.Contains([]string{"CHECK", "FOREIGN", "UNIQUE", "PRIMARY"}, at(a, 1))) &&
			!has(a, "NOT", "VALID") && !has(a, "USING", "INDEX"):
			add(false, "ADD CONSTRAINT without NOT VALID checks all of %s under a lock; the old release's rows have to fit, too", of)
		}
	}
}

// actions splits at the commas that are in no parenthesis.
func actions(w []string) [][]string {
	var list [][]string
	depth, from := 0, 0
	for i, t := range w {
		switch t {
		case "(":
			depth++
		case ")":
			depth--
		case ",":
			if depth == 0 {
				list = append(list, w[from:i])
				from = i + 1
			}
		}
	}
	return append(list, w[from:])
}

// has looks for words that follow each other.
func has(w []string, seq ...string) bool {
	for i := 0; i+len(seq) <= len(w); i++ {
		if slices.Equal(w[i:i+len(seq)], seq) {
			return true
		}
	}
	return false
}

func at(w []string, i int) string {
	if i < len(w) {
		return w[i]
	}
	return ""
}

// deleted finds DELETE FROM without WHERE, in a WITH, too.
func deleted(w []string, add func(bool, string, ...any)) {
	for i := 0; i+1 < len(w); i++ {
		if w[i] != "DELETE" || w[i+1] != "FROM" {
			continue
		}
		depth, where := 0, false
		for _, t := range w[i:] {
			if t == "(" {
				depth++
			}
			if t == ")" {
				depth--
			}
			if depth < 0 {
				break
			}
			where = where || depth == 0 && t == "WHERE"
		}
		if !where {
			add(true, "DELETE without WHERE empties %s", strings.ToLower(name(w, after(w, i+2, "ONLY"))))
		}
	}
}
