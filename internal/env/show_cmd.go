package env

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// showResult is the JSON form of [Show].
type showResult struct {
	Env      string    `json:"env"`
	Mode     Mode      `json:"mode"`
	Root     string    `json:"root"`
	Settings []Value   `json:"settings"`
	Problems []Problem `json:"problems"`
}

// Show writes each key with its value and where that came from. Values are
// written as a dotenv file has them (see [Quote]), in JSON as they are; secrets
// are masked. When something is wrong it shows what it can, then returns the
// [Problems]. It makes no secrets.
func Show(w io.Writer, src Source) error {
	src.ReadOnly = true
	r := resolve(src)
	err := r.problems.err()
	values := r.settings.Explain()
	if values == nil {
		values = []Value{}
	}
	if r.settings.Options.Format == "json" {
		out := showResult{r.env, r.settings.Mode, src.Root, values, r.problems.List}
		if out.Problems == nil {
			out.Problems = []Problem{}
		}
		if writeErr := writeJSON(w, out); writeErr != nil {
			return writeErr
		}
		return err
	}
	heading := map[string]string{}
	for _, g := range Groups {
		heading[g.Name] = g.En
	}
	var b strings.Builder
	last := ""
	for _, v := range values {
		if v.Option && v.Origin == fromDefault.String() {
			continue // an option that was not given is no news
		}
		if v.Group != last {
			if last != "" {
				b.WriteString("\n")
			}
			b.WriteString(heading[v.Group] + "\n")
			last = v.Group
		}
		fmt.Fprintf(&b, "  %s %s %s\n", pad(v.Key, 25), pad(shown(v), 30), v.Origin)
	}
	if _, writeErr := io.WriteString(w, b.String()); writeErr != nil {
		return writeErr
	}
	return err
}

// shown is a value on one line of a table; nothing in it can move the cursor.
func shown(v Value) string {
	if v.Value == "" {
		if v.Secret {
			return "-"
		}
		return "''"
	}
	if v.Secret {
		return v.Value
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, strings.ReplaceAll(quoteShown(v.Value), "\t", `\t`))
}

// quoteShown is Quote, with double quotes where a tab would upset the table.
func quoteShown(value string) string {
	if strings.Contains(value, "\t") {
		return doubleQuote(value)
	}
	return Quote(value)
}

func pad(s string, width int) string {
	if n := utf8.RuneCountInString(s); n < width {
		return s + strings.Repeat(" ", width-n)
	}
	return s
}
