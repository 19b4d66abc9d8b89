package sqlcheck

import (
	"fmt"
	"slices"
	"strings"
)

// Mark begins the comment that says: this is the second half of a change, nobody needs
// what it takes away. A reason has to follow.
const Mark = "drydock:contract"

// Finding is a statement that a person should think about.
type Finding struct {
	Line   int // of the statement's first word, from 1
	Text   string
	Breaks bool // the release before cannot live with it; else it may only hold the site up
	Marked bool // somebody has thought about it
}

// Check reads one migration. In a file of goose only the part that migrates up counts:
// nothing here ever migrates down.
func Check(sql string) []Finding {
	var list []Finding
	made := map[string]bool{} // tables of this file: nobody uses them yet
	for _, st := range statements(up(scan(sql))) {
		list = append(list, check(st, made)...)
	}
	return list
}

// statement is the tokens between two semicolons, and the comments before and in it.
type statement struct {
	tokens   []token
	comments []token
}

func (s statement) words() []string {
	list := make([]string, len(s.tokens))
	for i, t := range s.tokens {
		switch t.kind {
		case word, symbol:
			list[i] = t.text
		case quoted:
			list[i] = `"` + t.text
		default:
			list[i] = "''"
		}
	}
	return list
}

// up drops what follows goose's mark of the way down.
func up(tokens []token) []token {
	var out []token
	on := true
	for _, t := range tokens {
		if t.kind == comment {
			switch f := strings.Fields(t.text); {
			case len(f) >= 2 && f[0] == "+goose" && strings.EqualFold(f[1], "Down"):
				on = false
			case len(f) >= 2 && f[0] == "+goose" && strings.EqualFold(f[1], "Up"):
				on = true
			}
		}
		if on {
			out = append(out, t)
		}
	}
	return out
}

func statements(tokens []token) []statement {
	var list []statement
	var now statement
	for _, t := range tokens {
		switch {
		case t.kind == comment:
			now.comments = append(now.comments, t)
		case t.kind == symbol && t.text == ";":
			if len(now.tokens) > 0 {
				list = append(list, now)
				now = statement{}
			}
		default:
			now.tokens = append(now.tokens, t)
		}
	}
	if len(now.tokens) > 0 {
		list = append(list, now)
	}
	return list
}

// marked says whether the mark is there, and with a reason.
func (s statement) marked() (there, reason bool) {
	for _, c := range s.comments {
		if rest, ok := strings.CutPrefix(c.text, Mark); ok {
			there = true
			reason = reason || strings.TrimSpace(rest) != ""
		}
	}
	return there, reason
}

func check(s statement, made map[string]bool) []Finding {
	var list []Finding
	there, reason := s.marked()
	add := func(breaks bool, format string, args ...any) {
		f := Finding{Line: s.tokens[0].line, Text: fmt.Sprintf(format, args...), Breaks: breaks, Marked: reason}
		if there && !reason {
			f.Text += "; the mark needs a reason: -- " + Mark + " <why>"
		}
		list = append(list, f)
	}
	w := s.words()
	switch w[0] {
	case "CREATE":
		created(w, made, add)
	case "DROP":
		dropped(w, made, add)
	case "ALTER":
		altered(w, made, add)
	case "TRUNCATE":
		add(true, "TRUNCATE empties a table")
	case "DELETE", "WITH", "UPDATE", "INSERT", "MERGE":
		deleted(w, add)
	case "REVOKE":
		add(true, "REVOKE takes a right away")
	case "LOCK":
		add(false, "LOCK holds up every request that needs the table")
	case "CLUSTER":
		add(false, "CLUSTER locks the table while it writes all of it anew")
	case "VACUUM":
		if slices.Contains(w, "FULL") {
			add(false, "VACUUM FULL locks the table while it writes all of it anew")
		}
	case "REINDEX":
		if !slices.Contains(w, "CONCURRENTLY") {
			add(false, "REINDEX without CONCURRENTLY holds up writing")
		}
	case "DO":
		// What it does is in a string. Of PL/pgSQL the statements begin after other words.
		for _, t := range s.tokens {
			if t.kind == body {
				for _, inner := range statements(scan(t.text)) {
					inner = inner.trim()
					if len(inner.tokens) == 0 {
						continue
					}
					inner.comments = append(inner.comments, s.comments...)
					for _, f := range check(inner, made) {
						f.Line += t.line - 1
						list = append(list, f)
					}
				}
			}
		}
	}
	return list
}

// verbs begin statements that matter here.
var verbs = []string{"CREATE", "DROP", "ALTER", "TRUNCATE", "DELETE", "REVOKE", "LOCK", "CLUSTER", "VACUUM", "REINDEX"}

// trim drops what stands before a statement in PL/pgSQL: BEGIN, IF ... THEN, LOOP, ELSE.
func (s statement) trim() statement {
	opens := []string{"BEGIN", "THEN", "LOOP", "ELSE", "EXECUTE"}
	for i := len(s.tokens) - 1; i > 0; i-- {
		if s.tokens[i].kind == word && slices.Contains(verbs, s.tokens[i].text) && s.tokens[i-1].kind == word && slices.Contains(opens, s.tokens[i-1].text) {
			s.tokens = s.tokens[i:]
			return s
		}
	}
	return s
}

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
