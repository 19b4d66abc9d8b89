package conf

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	crossplane "github.com/nginxinc/nginx-go-crossplane"
)

// maxDepth is how deep blocks may be nested. It keeps the parser, which calls itself
// for each block, from exhausting the stack.
const maxDepth = 100

// span is where a directive begins and where its `;` or `{` is.
type span struct{ from, to int }

func lexOptions() crossplane.LexOptions {
	return crossplane.LexOptions{Lexers: []crossplane.RegisterLexer{(&crossplane.Lua{}).RegisterLexer()}}
}

// check goes once through the words of a file: it finds what the parser would misread
// without a word (a directive without its semicolon swallows the next one, or the end
// of the block), and notes the lines of each directive.
func check(f *File, text []byte) *Problem {
	var problem *Problem
	fail := func(line int, format string, args ...any) {
		if problem == nil {
			problem = &Problem{Kind: Syntax, Line: line, Text: fmt.Sprintf(format, args...)}
		}
	}
	depth, words, last := 0, 0, 0
	first := crossplane.NgxToken{}
	var open []int
	// Read to the end even after a problem: the lexer is a goroutine that waits for it.
	for t := range crossplane.LexWithOptions(bytes.NewReader(text), lexOptions()) {
		if problem != nil {
			continue
		}
		last = t.Line
		if t.Error != nil {
			line, what := t.Line, t.Error.Error()
			var pe *crossplane.ParseError
			if errors.As(t.Error, &pe) {
				what = pe.What
				if pe.Line != nil {
					line = *pe.Line
				}
			}
			if words > 0 && strings.HasPrefix(what, "unexpected end of file") {
				line, what = first.Line, fmt.Sprintf(`the directive "%s" is not ended by ";"`, short(first.Value))
			} else if depth > 0 && len(open) > 0 && what == `unexpected end of file, expecting "}"` {
				line, what = open[len(open)-1], `the block that begins here has no closing "}"`
			}
			fail(line, "%s", what)
			continue
		}
		switch {
		case !t.IsQuoted && len(t.Value) > 0 && t.Value[0] == '#':
		case !t.IsQuoted && (t.Value == ";" || t.Value == "{"):
			if words == 0 {
				fail(t.Line, "unexpected %q", t.Value)
				continue
			}
			f.spans = append(f.spans, span{first.Line, t.Line})
			if t.Value == "{" {
				if !first.IsQuoted && neverBlock(first.Value) {
					fail(first.Line, `the directive "%s" is not ended by ";", or has a block that it cannot have`, short(first.Value))
					continue
				}
				open = append(open, first.Line)
				if depth++; depth > maxDepth {
					problem = &Problem{Kind: Limit, Line: t.Line, Text: fmt.Sprintf("blocks are nested deeper than %d", maxDepth)}
					continue
				}
			}
			words = 0
		case !t.IsQuoted && t.Value == "}":
			if words > 0 {
				fail(first.Line, `the directive "%s" is not ended by ";"`, short(first.Value))
				continue
			}
			if depth--; depth < 0 {
				fail(t.Line, `unexpected "}"`)
				continue
			}
			open = open[:len(open)-1]
			f.spans = append(f.spans, span{t.Line, t.Line})
		default:
			if words == 0 {
				first = t
			}
			words++
		}
	}
	if words > 0 {
		fail(first.Line, `the directive "%s" is not ended by ";"`, short(first.Value))
	}
	if depth > 0 {
		fail(last, `unexpected end of file, expecting "}"`)
	}
	return problem
}

func short(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "..."
	}
	return s
}

func (f *File) comments(ds crossplane.Directives) {
	for _, d := range ds {
		if d.Directive == "#" && d.Comment != nil {
			f.Comments = append(f.Comments, Comment{d.Line, *d.Comment})
		}
		f.comments(d.Block)
	}
}

// Covers are the first lines of the directives that a comment in this line is about:
// those that stand in the same line, else the next one.
func (f *File) Covers(line int) []int {
	var out []int
	for _, s := range f.spans {
		if s.from <= line && line <= s.to {
			out = append(out, s.from)
		}
	}
	if len(out) > 0 {
		return out
	}
	next := 0
	for _, s := range f.spans {
		if s.from > line && (next == 0 || s.from < next) {
			next = s.from
		}
	}
	if next == 0 {
		return nil
	}
	return []int{next}
}

// unescape does what nginx does to a word when it is complete.
func unescape(s string) string {
	i := 0
	for ; i < len(s) && s[i] != '\\'; i++ {
	}
	if i == len(s) {
		return s
	}
	out := []byte(s[:i])
	for ; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			switch s[i+1] {
			case '"', '\'', '\\':
				i++
			case 't':
				out, i = append(out, '\t'), i+1
				continue
			case 'r':
				out, i = append(out, '\r'), i+1
				continue
			case 'n':
				out, i = append(out, '\n'), i+1
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}
