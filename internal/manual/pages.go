package manual

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// Manual is what is checked of a page that people wrote.
type Manual struct {
	Path     string
	Headings []Heading
	Blocks   []Block    // of code, in order
	Spans    []string   // of code inside of sentences
	Sections [][]string // the same, by heading: [0] is what comes before the first one
	Links    []Link
	Marks    []Mark // comments, in order
}

// Heading is one title.
type Heading struct {
	Level  int
	Text   string
	Anchor string // as GitHub makes it
}

// Block is a code block.
type Block struct {
	Line     int // of its first line of text, from 1
	Language string
	Lines    []string
}

// Link is where a page leads to.
type Link struct {
	Line   int
	Target string
}

// Read parses a page.
func Read(path string) (Manual, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return Manual{}, fmt.Errorf("reading a page of the manual: %w", err)
	}
	m := Parse(source)
	m.Path = path
	return m, nil
}

// Parse is Read for text.
func Parse(source []byte) Manual {
	m := Manual{Sections: [][]string{nil}}
	seen := map[string]int{}
	lineOf := func(offset int) int { return 1 + bytes.Count(source[:offset], []byte("\n")) }
	root := goldmark.New(goldmark.WithExtensions(extension.Table)).Parser().Parse(text.NewReader(source))
	line := 1
	_ = ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // the function returns no error
		if !entering {
			return ast.WalkContinue, nil
		}
		if n.Type() == ast.TypeBlock && n.Lines().Len() > 0 {
			line = lineOf(n.Lines().At(0).Start)
		}
		switch n := n.(type) {
		case *ast.Heading:
			title := plain(n, source)
			m.Headings = append(m.Headings, Heading{n.Level, title, anchor(title, seen)})
			m.Sections = append(m.Sections, nil)
		case *ast.CodeBlock, *ast.FencedCodeBlock:
			m.Blocks = append(m.Blocks, *block(n, source, line))
		case *ast.HTMLBlock:
			if text, ok := comment(n, source); ok {
				m.Marks = append(m.Marks, Mark{line, text, block(n.NextSibling(), source, line)})
			}
		case *ast.CodeSpan:
			span := plain(n, source)
			last := len(m.Sections) - 1
			m.Spans, m.Sections[last] = append(m.Spans, span), append(m.Sections[last], span)
		case *ast.Link:
			m.Links = append(m.Links, Link{line, string(n.Destination)})
		case *ast.Image:
			m.Links = append(m.Links, Link{line, string(n.Destination)})
		}
		return ast.WalkContinue, nil
	})
	return m
}

// block is a node that is code; nil for any other.
func block(n ast.Node, source []byte, line int) *Block {
	switch n := n.(type) {
	case *ast.CodeBlock:
		return &Block{Line: line, Lines: lines(n, source)}
	case *ast.FencedCodeBlock:
		return &Block{Line: line, Language: string(n.Language(source)), Lines: lines(n, source)}
	}
	return nil
}

// comment is the text of a block that is a comment.
func comment(n *ast.HTMLBlock, source []byte) (string, bool) {
	text := strings.Join(lines(n, source), "\n")
	if n.HasClosure() {
		text += "\n" + string(n.ClosureLine.Value(source))
	}
	text, open := strings.CutPrefix(strings.TrimSpace(text), "<!--")
	text, closed := strings.CutSuffix(text, "-->")
	return strings.TrimSpace(text), open && closed
}

func lines(n ast.Node, source []byte) []string {
	var list []string
	for i := range n.Lines().Len() {
		at := n.Lines().At(i)
		list = append(list, strings.TrimRight(string(at.Value(source)), "\n"))
	}
	return list
}

// plain is a node's text without its marks.
func plain(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // the function returns no error
		if t, ok := n.(*ast.Text); ok && entering {
			b.Write(t.Segment.Value(source))
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

// anchor is what GitHub makes of a title: lower case, blanks to hyphens, everything that
// is no letter, digit, hyphen or underscore goes; a title that comes again gets a number.
func anchor(title string, seen map[string]int) string {
	var b strings.Builder
	for _, r := range strings.ToLower(title) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case unicode.IsLetter(r), unicode.IsNumber(r), unicode.IsMark(r), r == '-', r == '_':
			b.WriteRune(r)
		}
	}
	a := b.String()
	n := seen[a]
	seen[a]++
	if n > 0 {
		return fmt.Sprintf("%s-%d", a, n)
	}
	return a
}

// Commands are the block's lines without comments, which are in the page's language, and
// without what was only there to align them.
func (b Block) Commands() []string {
	var list []string
	for _, line := range b.Lines {
		line, _, _ = strings.Cut(line, " #")
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "--") {
			list = append(list, line)
		}
	}
	return list
}

var (
	mageCall   = regexp.MustCompile(`\bmage ((?:[a-zA-Z:]+ ?)+)`)
	targetName = regexp.MustCompile(`^[a-z][a-zA-Z]*(:[a-z][a-zA-Z]*)?$`)
)

// CalledTargets are the targets that a piece of code calls through mage; known has the
// arguments of the ones that there are (Words).
func CalledTargets(code string, known map[string]Target) []string {
	var list []string
	for _, call := range mageCall.FindAllStringSubmatch(code, -1) {
		arguments := 0
		for _, word := range strings.Fields(call[1]) {
			switch {
			case arguments > 0:
				arguments--
			case targetName.MatchString(word):
				list = append(list, word)
				arguments = known[strings.ToLower(word)].Required()
			}
		}
	}
	return list
}
