package manifest

import (
	"fmt"
	"strings"
)

// String is the table's name as SQL would write it.
func (t Table) String() string { return Ident(t.Schema, t.Name) }

// String is the sequence's name as SQL would write it.
func (s Sequence) String() string { return Ident(s.Schema, s.Name) }

// String is the view's name as SQL would write it.
func (v MatView) String() string { return Ident(v.Schema, v.Name) }

// Ident joins names with dots and quotes those that need it. Keywords are not quoted:
// the result is for people and for ParseName, not for a statement.
func Ident(parts ...string) string {
	quoted := make([]string, len(parts))
	for i, p := range parts {
		quoted[i] = p
		if !plain(p) {
			quoted[i] = `"` + strings.ReplaceAll(p, `"`, `""`) + `"`
		}
	}
	return strings.Join(quoted, ".")
}

func plain(s string) bool {
	for i, r := range s {
		if !(r >= 'a' && r <= 'z' || r == '_' || i > 0 && (r >= '0' && r <= '9' || r == '$')) {
			return false
		}
	}
	return s != ""
}

// ParseName reads name or schema.name. Each part may be quoted like in SQL; one that is
// not is taken as it is, also its capitals.
func ParseName(s string) (schema, name string, err error) {
	var parts []string
	rest := s
	for {
		var part string
		part, rest, err = cutPart(rest)
		if err != nil {
			return "", "", fmt.Errorf("the name %s: %w", s, err)
		}
		parts = append(parts, part)
		if rest == "" {
			break
		}
		rest = rest[1:] // the dot
	}
	switch len(parts) {
	case 1:
		return "", parts[0], nil
	case 2:
		return parts[0], parts[1], nil
	}
	return "", "", fmt.Errorf("the name %s has %d parts; write name or schema.name, in double quotes what has a dot in it", s, len(parts))
}

func cutPart(s string) (part, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		part, _, _ = strings.Cut(s, ".")
		if part == "" {
			return "", "", fmt.Errorf("a part of it is empty")
		}
		return part, s[len(part):], nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '"' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '"' {
			b.WriteByte('"')
			i++
			continue
		}
		rest = s[i+1:]
		if b.Len() == 0 || rest != "" && rest[0] != '.' {
			return "", "", fmt.Errorf("after a closing quote only a dot may follow, and nothing may be empty")
		}
		return b.String(), rest, nil
	}
	return "", "", fmt.Errorf("a double quote is not closed")
}

// FindTable looks a table up by a name as ParseName reads it: one that holds rows, or a
// partitioned one. Without a schema the name must be unique.
func (c *Contents) FindTable(text string) (schema, name string, err error) {
	schema, name, err = ParseName(text)
	if err != nil {
		return "", "", err
	}
	var found, near [][2]string
	add := func(s, n string) {
		switch {
		case n == name && (schema == "" || s == schema):
			found = append(found, [2]string{s, n})
		case strings.EqualFold(n, name) || n == name:
			near = append(near, [2]string{s, n})
		}
	}
	for _, t := range c.Tables {
		add(t.Schema, t.Name)
	}
	for _, o := range c.Objects {
		if o.Kind == KindTable && strings.HasPrefix(o.Detail, "partitioned") {
			if s, n, err := ParseName(o.Name); err == nil {
				add(s, n)
			}
		}
	}
	switch len(found) {
	case 1:
		return found[0][0], found[0][1], nil
	case 0:
		return "", "", fmt.Errorf("the backup holds no table %s%s", text, list("; did you mean ", near))
	}
	return "", "", fmt.Errorf("the backup holds several tables %s; name the schema, too%s", text, list(": ", found))
}

// KindTable is the kind of Object that tables have.
const KindTable = "table"

func list(before string, names [][2]string) string {
	if len(names) == 0 {
		return ""
	}
	var out []string
	for _, n := range names[:min(len(names), 5)] {
		out = append(out, Ident(n[0], n[1]))
	}
	return before + strings.Join(out, " or ")
}
