package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// place is where nginx says that something is wrong.
var place = regexp.MustCompile(` in (/\S+):(\d+)`)

// contextLines is how many lines are shown around the one that is wrong.
const contextLines = 2

// explain makes of what nginx said a text for people: its sentence with our name for the
// file, and the lines around the place. It is empty when nginx said nothing.
func explain(said string, tree Tree) string {
	var b strings.Builder
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		level, _, _ := strings.Cut(strings.TrimPrefix(line[strings.Index(line, "[")+1:], "["), "]")
		if !strings.Contains(line, "[") || level == "notice" || level == "info" {
			continue // "test failed" and the like
		}
		_, sentence, _ := strings.Cut(line, "] ")
		// The number of the process, as in "1#1: ", says nothing here.
		if id, rest, ok := strings.Cut(sentence, ": "); ok && strings.Contains(id, "#") {
			sentence = rest
		}
		m := place.FindStringSubmatch(sentence)
		if m == nil {
			fmt.Fprintf(&b, "%s: %s\n", level, sentence)
			continue
		}
		name, inside := strings.CutPrefix(m[1], current+"/")
		n, _ := strconv.Atoi(m[2]) // digits, and nginx counts no further than an int
		if !inside {
			fmt.Fprintf(&b, "%s: %s\n", level, sentence)
			continue
		}
		fmt.Fprintf(&b, "%s:%d: %s: %s\n", Name(name), n, level, strings.Replace(sentence, m[0], "", 1))
		b.WriteString(excerpt(tree[name], n))
	}
	return b.String()
}

// Name is how a person finds a file of a generation: those of run/ come from a template.
func Name(file string) string {
	if rendered, ok := strings.CutPrefix(file, "run/"); ok {
		return "run/" + rendered + " (from internal/gateway/render/templates/" + rendered + ")"
	}
	if file == "mime.types" {
		return mimeTypes
	}
	return "nginx/" + file
}

// excerpt is the lines around the n-th.
func excerpt(content []byte, n int) string {
	lines := bytes.Split(content, []byte("\n"))
	var b strings.Builder
	for i := max(1, n-contextLines); i <= min(len(lines), n+contextLines); i++ {
		mark := " "
		if i == n {
			mark = ">"
		}
		fmt.Fprintf(&b, "  %s %4d | %s\n", mark, i, lines[i-1])
	}
	return b.String()
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
