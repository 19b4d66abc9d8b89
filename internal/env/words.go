package env

import (
	"errors"
	"strings"
)

// SplitWords splits a command as a POSIX shell does (Shell Command Language,
// 2.2 Quoting), except that nothing is expanded: $ ` * ~ are plain characters.
func SplitWords(text string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case ' ', '\t', '\n':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		case '\'':
			end := strings.IndexByte(text[i+1:], '\'')
			if end < 0 {
				return nil, errors.New("has a ' that is not closed")
			}
			word.WriteString(text[i+1 : i+1+end])
			i += end + 1
			inWord = true
		case '"':
			rest, ok := doubleQuoted(text[i+1:], &word)
			if !ok {
				return nil, errors.New(`has a " that is not closed`)
			}
			i = len(text) - len(rest) - 1
			inWord = true
		case '\\':
			if i++; i == len(text) {
				return nil, errors.New(`ends with a lone \`)
			}
			word.WriteByte(text[i])
			inWord = true
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

// doubleQuoted appends what is inside double quotes and returns what follows them.
func doubleQuoted(text string, word *strings.Builder) (rest string, ok bool) {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return text[i+1:], true
		case c == '\\' && i+1 < len(text) && strings.IndexByte("\\\"$`", text[i+1]) >= 0:
			i++
			word.WriteByte(text[i])
		default:
			word.WriteByte(c)
		}
	}
	return "", false
}
