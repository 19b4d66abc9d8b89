package env

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/joho/godotenv"
)

// The rules for dotenv files, the same in every layer. A value is LITERAL:
//
//	KEY=value           up to the end of the line, without the blanks around it;
//	                    a # after a blank starts a comment, any other # is a #
//	KEY='value'         every byte up to the next ', line breaks too
//	KEY="value"         the same up to the next ", with \n \r \t \\ \" \$
//	export KEY=value    the same as without export
//	# comment           and empty lines
//
// Nothing is expanded: $, $$, ${X} and $(x) are what they look like. A file may
// start with a UTF-8 byte order mark and may have CRLF line ends (a line break
// inside quotes is \n either way). What could be read in two ways is refused with its line: a
// duplicate key, text after a closing quote, an unknown escape, a quote that
// is never closed, a lone carriage return, a NUL, bytes that are not UTF-8.
//
// godotenv does the parsing, but it expands $ in most values, cuts a value at
// the last " #", drops unknown backslashes, and loses quotes at the end. So the
// scanner below finds each value, and gives godotenv the same file with the
// values in an armour (percent-encoding) that none of this touches.

// entry is one assignment of a file.
type entry struct {
	key   string
	value string
	line  int
	// doubtful: it follows a quote that is never closed, so that the key may
	// really be a part of a value and must not be shown.
	doubtful bool
}

// fault is what is wrong with a line of a dotenv file.
type fault struct {
	line       int
	key        string
	found, fix string
}

// parseDotenv reads a dotenv file. It goes on after a fault, so that all of
// them are known; the entries are the ones that are sound, in order.
func parseDotenv(src []byte) ([]entry, []fault) {
	sc := &scanner{line: 1, first: map[string]int{}}
	text, ok := sc.decode(src)
	if !ok {
		return nil, sc.faults
	}
	sc.rest = text
	for sc.rest != "" {
		sc.statement()
	}

	parsed, err := godotenv.UnmarshalBytes([]byte(sc.armoured.String()))
	if err != nil {
		// The armour leaves godotenv nothing to stumble over; should it all
		// the same, its message may hold a part of a value: not shown.
		return nil, append(sc.faults, fault{line: 1, found: "godotenv cannot read this file", fix: "compare it with .env.example"})
	}
	entries := sc.entries[:0]
	for _, e := range sc.entries {
		value, err := url.QueryUnescape(parsed[e.key])
		if err != nil || len(parsed) != len(sc.entries) {
			sc.fault(e.line, e.key, "godotenv reads this line in another way", "write KEY='value'")
			continue
		}
		e.value = value
		entries = append(entries, e)
	}
	return entries, sc.faults
}

// scanner finds the statements of a dotenv file and their lines.
type scanner struct {
	rest     string
	line     int
	first    map[string]int // line of each key
	entries  []entry
	faults   []fault
	armoured strings.Builder
	doubtful bool
}

func (s *scanner) fault(line int, key, found, fix string) {
	s.faults = append(s.faults, fault{line, key, found, fix})
}

// decode checks the encoding, drops a byte order mark and makes every line
// break a \n.
func (s *scanner) decode(src []byte) (string, bool) {
	text := string(src)
	if strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") {
		s.fault(1, "", "the file is UTF-16", "save it as UTF-8")
		return "", false
	}
	text = strings.TrimPrefix(text, "\ufeff")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	lineOf := func(i int) int { return 1 + strings.Count(text[:i], "\n") }
	if i := strings.IndexByte(text, 0); i >= 0 {
		s.fault(lineOf(i), "", "a NUL byte, which no environment variable can hold", "remove it")
	}
	if i := strings.IndexByte(text, '\r'); i >= 0 {
		s.fault(lineOf(i), "", "a carriage return without a line feed", `end lines with LF or CRLF; inside a value write \r in double quotes`)
	}
	if !utf8.ValidString(text) {
		i := 0
		for i < len(text) {
			r, size := utf8.DecodeRuneInString(text[i:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			i += size
		}
		s.fault(lineOf(i), "", "bytes that are not UTF-8", "save the file as UTF-8")
	}
	return text, len(s.faults) == 0
}

// takeLine removes the first line from the rest and returns it without its end.
func (s *scanner) takeLine() string {
	line, rest, _ := strings.Cut(s.rest, "\n")
	s.rest = rest
	s.line++
	return line
}

// blanks are the only characters that separate: a no-break space is content.
const blanks = " \t"

// statement reads one assignment, comment or empty line.
func (s *scanner) statement() {
	start, at := s.rest, s.line
	line := s.takeLine()
	text := strings.TrimLeft(line, blanks)
	if text == "" || text[0] == '#' {
		return
	}
	lead := ""
	if after, ok := strings.CutPrefix(text, "export"); ok && after != "" && strings.ContainsRune(blanks, rune(after[0])) {
		lead, text = "export ", strings.TrimLeft(after, blanks)
	}
	name, value, ok := strings.Cut(text, "=")
	key := strings.TrimRight(name, blanks)
	switch {
	case !ok:
		// The line itself may be the tail of a secret: not shown.
		s.fault(at, "", "a line that is not KEY=value", "write KEY=value; put # before a comment, and quotes around a value of several lines")
		return
	case !isKey(key):
		s.fault(at, "", "the text before = is not a name", "a name has letters, digits and _, and no digit first")
		return
	}

	quote := ""
	if trimmed := strings.TrimLeft(value, blanks); trimmed != "" && (trimmed[0] == '\'' || trimmed[0] == '"') {
		quote = trimmed[:1]
		offset := len(line) - len(trimmed) + 1 // of the first byte inside the quotes
		inner, ok := s.quoted(start[offset:], quote, at, key)
		if !ok {
			return
		}
		value = inner
	} else {
		value = unquoted(value)
	}

	if before, twice := s.first[key]; twice {
		s.fault(at, key, fmt.Sprintf("the key is set twice, here and in line %d", before), "keep one of the two lines")
		return
	}
	s.first[key] = at
	s.entries = append(s.entries, entry{key: key, line: at, doubtful: s.doubtful})
	s.armoured.WriteString(lead + key + "=" + quote + url.QueryEscape(value) + quote + "\n")
}

// unquoted is the rest of a line without a comment and without blanks around it.
func unquoted(text string) string {
	for i := range len(text) {
		if text[i] == '#' && i > 0 && strings.IndexByte(blanks, text[i-1]) >= 0 {
			text = text[:i]
			break
		}
	}
	return strings.Trim(text, blanks)
}

// quoted reads the value that follows an opening quote, over several lines if
// it must. When it is never closed the scan goes on in the line after the first.
func (s *scanner) quoted(text, quote string, at int, key string) (string, bool) {
	var value strings.Builder
	sound := true
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == quote[0]:
			tail, rest, _ := strings.Cut(text[i+1:], "\n")
			s.rest = rest
			s.line = at + strings.Count(text[:i], "\n") + 1
			if !isTail(tail) {
				s.fault(at, key, "text after the closing "+quote, `to have a ' in a value put "..." around it, to have a " put '...', to have both write \" inside "..."`)
				return "", false
			}
			return value.String(), sound
		case c == '\\' && quote == `"`:
			if i++; i == len(text) {
				continue
			}
			plain, ok := escapes[text[i]]
			if !ok && sound {
				sound = false
				s.fault(at, key, `an unknown escape after \ in double quotes`, `the escapes are \n \r \t \\ \" \$; for a plain \ write \\ or use single quotes`)
			}
			value.WriteByte(plain)
		default:
			value.WriteByte(c)
		}
	}
	s.doubtful = true
	s.fault(at, key, "the opening "+quote+" has no closing one", "close it, or put the value into the other kind of quotes if it begins with "+quote)
	return "", false
}

var escapes = map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', '\\': '\\', '"': '"', '$': '$'}

// isTail reports whether nothing but blanks and a comment follow a closing quote.
func isTail(tail string) bool {
	trimmed := strings.TrimLeft(tail, blanks)
	return trimmed == "" || trimmed[0] == '#' && len(trimmed) < len(tail)
}

// isKey reports whether name can be an environment variable in every shell
// (POSIX, Base Definitions 8.1), lower case included.
func isKey(name string) bool {
	for i, c := range []byte(name) {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// Quote writes a value so that a dotenv file gives it back byte for byte.
func Quote(value string) string {
	special := strings.ContainsFunc(value, func(r rune) bool {
		return r <= ' ' || r == '\'' || r == '"' || r == '#' || r == '\\' || r == '$' || r == '`' || r == 0x7f || r == '\ufeff'
	})
	switch {
	case !special:
		return value
	case !strings.ContainsAny(value, "'\r\n"):
		return "'" + value + "'"
	}
	return doubleQuote(value)
}

func doubleQuote(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(value) + `"`
}

// sortedKeys is the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
