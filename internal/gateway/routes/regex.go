package routes

import (
	"regexp"
	"strings"
	"sync"
)

// Pattern is a regular expression of the configuration. nginx uses PCRE; what Go's
// regexp does not know is either one look-ahead outside of any group, which is done by
// hand, or the pattern is not Decidable.
type Pattern struct {
	Decidable bool
	re        *regexp.Regexp
	look      *regexp.Regexp // the look-ahead, anchored at its place
	negative  bool
	rest      *regexp.Regexp // what follows it
	dollar    bool
	start     string // what a match must begin with, if the pattern says so plainly
}

var patterns sync.Map // text with its case flag, to *Pattern

// Compile prepares a pattern.
func Compile(text string, noCase bool) *Pattern {
	key := text
	if noCase {
		key = "(?i)" + text
	}
	if p, ok := patterns.Load(key); ok {
		return p.(*Pattern)
	}
	p := compile(text, noCase)
	patterns.Store(key, p)
	return p
}

func compile(text string, noCase bool) *Pattern {
	flag := ""
	if noCase {
		flag = "(?i)"
	}
	p := &Pattern{dollar: strings.Contains(text, "$")}
	if !noCase {
		p.start = PlainStart(text)
	}
	text = strings.ReplaceAll(text, `\/`, "/")
	if re, err := regexp.Compile(flag + text); err == nil {
		p.re, p.Decidable = re, true
		return p
	}
	before, look, after, negative, ok := splitLookahead(text)
	if !ok {
		return p
	}
	var errs [3]error
	p.negative = negative
	p.re, errs[0] = regexp.Compile(flag + before)
	p.look, errs[1] = regexp.Compile(flag + `\A(?:` + look + ")")
	p.rest, errs[2] = regexp.Compile(flag + `\A(?:` + after + ")")
	// Only with a part of fixed length before it are all the places known where it may stand.
	p.Decidable = errs == [3]error{} && !strings.ContainsAny(strings.ReplaceAll(before, `\.`, ""), "*+?|{")
	return p
}

// Impossible tells that a string cannot match, even if the pattern is not decidable.
func (p *Pattern) Impossible(s string) bool {
	return !p.Decidable && !strings.HasPrefix(s, p.start)
}

// PlainStart is the text that everything that a pattern matches must begin with, as far
// as it is written plainly after ^; "" if nothing is.
func PlainStart(text string) string {
	rest, ok := strings.CutPrefix(text, "^")
	if !ok || strings.Contains(text, "|") {
		return ""
	}
	i := 0
	for i < len(rest) && (rest[i] == '/' || rest[i] == '-' || rest[i] == '_' || rest[i] >= '0' && rest[i] <= '9' || rest[i]|0x20 >= 'a' && rest[i]|0x20 <= 'z') {
		i++
	}
	if i > 0 && i < len(rest) && strings.IndexByte("?*{", rest[i]) >= 0 {
		i--
	}
	return rest[:i]
}

// splitLookahead finds the one (?=...) or (?!...) that stands outside of every group.
func splitLookahead(text string) (before, look, after string, negative, ok bool) {
	depth, class := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case c == '(':
			if depth == 0 && i+2 < len(text) && text[i+1] == '?' && (text[i+2] == '!' || text[i+2] == '=') {
				end := closing(text, i)
				if end < 0 {
					return
				}
				return text[:i], text[i+3 : end], text[end+1:], text[i+2] == '!', true
			}
			depth++
		case c == ')':
			depth--
		}
	}
	return
}

func closing(text string, open int) int {
	depth, class := 0, false
	for i := open; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// Match gives the numbered captures (0 is the whole match) and the named ones.
func (p *Pattern) Match(s string) (groups []string, names map[string]string, ok bool) {
	groups, names, ok = p.match(s)
	if !ok && p.dollar && strings.HasSuffix(s, "\n") {
		// PCRE's $ also matches before a line break at the very end.
		groups, names, ok = p.match(s[:len(s)-1])
	}
	return groups, names, ok
}

func (p *Pattern) match(s string) (groups []string, names map[string]string, ok bool) {
	if !p.Decidable {
		return nil, nil, false
	}
	if p.look != nil {
		for _, m := range p.re.FindAllStringIndex(s, -1) {
			tail := s[m[1]:]
			if p.look.MatchString(tail) == p.negative {
				continue
			}
			if r := p.rest.FindStringIndex(tail); r != nil {
				return []string{s[m[0] : m[1]+r[1]]}, nil, true
			}
		}
		return nil, nil, false
	}
	groups = p.re.FindStringSubmatch(s)
	if groups == nil {
		return nil, nil, false
	}
	for i, name := range p.re.SubexpNames() {
		if name != "" {
			if names == nil {
				names = map[string]string{}
			}
			names[name] = groups[i]
		}
	}
	return groups, names, true
}
