package lint

import (
	"embed"
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"
)

//go:embed testdata/rules/*.txtar
var exampleFiles embed.FS

// Example is the pair of a rule's examples.
type Example struct {
	Rule     string
	Title    string // first line of the file
	Bad      string // what the rule finds something in
	Expected string // what it finds: file:line severity message, a line each
	Good     string
}

// ExampleOf reads the example of a rule.
func ExampleOf(id string) (Example, error) {
	text, err := exampleFiles.ReadFile("testdata/rules/" + id + ".txtar")
	if err != nil {
		return Example{}, fmt.Errorf("reading the example of rule %s: %w", id, err)
	}
	a := txtar.Parse(text)
	e := Example{Rule: id}
	e.Title, _, _ = strings.Cut(string(a.Comment), "\n")
	part := func(prefix string) string {
		var b strings.Builder
		for _, f := range a.Files {
			name, ok := strings.CutPrefix(f.Name, prefix)
			if !ok || strings.HasSuffix(f.Name, "stack.json") {
				continue
			}
			if name != "nginx.conf" && name != "" {
				fmt.Fprintf(&b, "# %s\n", name)
			}
			b.Write(f.Data)
		}
		return strings.TrimRight(b.String(), "\n")
	}
	e.Bad, e.Good, e.Expected = part("bad/"), part("good/"), part("expected")
	return e, nil
}

// Markdown is the page about all rules: what each finds, why, what to do, and its two
// examples.
func Markdown() (string, error) {
	var b strings.Builder
	b.WriteString("# The rules of nginx:lint\n\n")
	b.WriteString("An error is a fault or a hole; a warning is a decision that somebody should make. A rule is silenced at one place by a comment\n")
	b.WriteString("on the line of the finding or on the line before, with its reason:\n\n")
	b.WriteString("```nginx\n# drydock:ignore proxy-pass-rewrite the old API has no prefix\nproxy_pass http://legacy/;\n```\n\n")
	b.WriteString("At the head of an included file it is also about the block that includes the file, which is where a finding about something\n")
	b.WriteString("that the block lacks stands.\n\n")
	b.WriteString("Rules that begin with `stack-` hold the configuration against the compose project around it.\n\n")
	b.WriteString("| rule | severity | finds |\n| --- | --- | --- |\n")
	for _, r := range rules {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", r.ID, r.ID, r.Severity, r.Title)
	}
	for _, r := range rules {
		e, err := ExampleOf(r.ID)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s. (%s)\n\n", r.ID, r.Title, r.Severity)
		fmt.Fprintf(&b, "**Why:** %s\n\n**Fix:** %s\n\n", r.Why, r.Fix)
		if strings.HasPrefix(r.Source, "http") {
			fmt.Fprintf(&b, "Source: <%s>\n\n", r.Source)
		}
		fmt.Fprintf(&b, "Bad:\n\n```nginx\n%s\n```\n\n", e.Bad)
		fmt.Fprintf(&b, "```text\n%s\n```\n\n", e.Expected)
		fmt.Fprintf(&b, "Good:\n\n```nginx\n%s\n```\n", e.Good)
	}
	return b.String(), nil
}
