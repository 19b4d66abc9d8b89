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
