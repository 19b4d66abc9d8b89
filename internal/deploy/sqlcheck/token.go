package sqlcheck

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// kind is what a token is.
type kind int

const (
	word    kind = iota // upper case; a keyword or a name
	quoted              // "a name"
	text                // 'a string'
	body                // $$a string$$: the text is what is inside
	comment             // without its marks
	symbol              // one character
)

type token struct {
	kind kind
	text string
	line int // from 1
}

// scan splits SQL as PostgreSQL's lexer does (manual, 4.1). What is not ended, ends with
// the text.
func scan(sql string) []token {
	s := scanner{in: sql, line: 1}
	for s.pos < len(s.in) {
		s.next()
	}
	return s.out
}

type scanner struct {
	in   string
	pos  int
	line int
	out  []token
}

func (s *scanner) rest() string { return s.in[s.pos:] }

// take makes a token of the next n bytes, of which text is the meaning.
func (s *scanner) take(k kind, n int, meaning string) {
	s.out = append(s.out, token{k, meaning, s.line})
	s.skip(n)
}

func (s *scanner) skip(n int) {
	s.line += strings.Count(s.in[s.pos:s.pos+n], "\n")
	s.pos += n
}

func (s *scanner) next() {
	r := s.rest()
	switch c := r[0]; {
	case strings.HasPrefix(r, "--"):
		n := strings.IndexByte(r, '\n')
		if n < 0 {
			n = len(r)
		}
		s.take(comment, n, strings.TrimSpace(r[2:n]))
	case strings.HasPrefix(r, "/*"):
		n := blockComment(r)
		s.take(comment, n, strings.TrimSpace(strings.TrimSuffix(r[2:n], "*/")))
	case c == '\'':
		n := until(r, 1, '\'', false)
		s.take(text, n, "")
	case (c == 'e' || c == 'E') && len(r) > 1 && r[1] == '\'' && !s.afterName():
		n := until(r, 2, '\'', true)
		s.take(text, n, "")
	case c == '"':
		n := until(r, 1, '"', false)
		s.take(quoted, n, r[1:max(1, n-1)])
	case c == '$' && !s.afterName():
		if tag := dollarTag(r); tag != "" {
			inner := r[len(tag):]
			end := strings.Index(inner, tag)
			if end < 0 {
				s.take(body, len(r), inner)
				return
			}
			s.take(body, len(tag)*2+end, inner[:end])
			return
		}
		s.take(symbol, 1, "$")
	case isStart(r):
		n := 0
		for n < len(r) {
			c, size := utf8.DecodeRuneInString(r[n:])
			if c != '_' && c != '$' && !unicode.IsLetter(c) && !unicode.IsDigit(c) {
				break
			}
			n += size
		}
		s.take(word, n, strings.ToUpper(r[:n]))
	default:
		c, size := utf8.DecodeRuneInString(r)
		if unicode.IsSpace(c) {
			s.skip(size)
			return
		}
		s.take(symbol, size, r[:size])
	}
}

// afterName says whether the character before belongs to a name: in a$b the dollar does,
// and in name'...' there is no escape string.
func (s *scanner) afterName() bool {
	if s.pos == 0 {
		return false
	}
	c, _ := utf8.DecodeLastRuneInString(s.in[:s.pos])
	return c == '_' || c == '$' || unicode.IsLetter(c) || unicode.IsDigit(c)
}

func isStart(r string) bool {
	c, _ := utf8.DecodeRuneInString(r)
	return c == '_' || unicode.IsLetter(c) || unicode.IsDigit(c)
}

// blockComment is the length of a comment; they nest.
func blockComment(r string) int {
	depth := 0
	for i := 0; i < len(r); {
		switch {
		case strings.HasPrefix(r[i:], "/*"):
			depth++
			i += 2
		case strings.HasPrefix(r[i:], "*/"):
			depth--
			i += 2
			if depth == 0 {
				return i
			}
		default:
			i++
		}
	}
	return len(r)
}

// until is the length up to and with the closing quote, from the byte after the opening
// one. A doubled quote is none; with escapes, neither is one after a backslash.
func until(r string, from int, quote byte, escapes bool) int {
	for i := from; i < len(r); i++ {
		switch {
		case escapes && r[i] == '\\':
			i++
		case r[i] == quote && i+1 < len(r) && r[i+1] == quote:
			i++
		case r[i] == quote:
			return i + 1
		}
	}
	return len(r)
}

// dollarTag is $tag$ at the beginning, or "".
func dollarTag(r string) string {
	for i := 1; i < len(r); {
		c, size := utf8.DecodeRuneInString(r[i:])
		if c == '$' {
			return r[:i+1]
		}
		if c != '_' && !unicode.IsLetter(c) && (i == 1 || !unicode.IsDigit(c)) {
			return ""
		}
		i += size
	}
	return ""
}
