package manual

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/magefile/mage/parse"
)

// Target is one mage target.
type Target struct {
	Name      string // as a user types it: image:list
	Group     string // its namespace; "" for the ones without
	Text      string // its documentation, one paragraph
	Arguments []string
	Options   map[string]bool // those of the arguments that may be left out, written -name=value; whether -name alone means something
}

// Required is how many arguments have to follow the name.
func (t Target) Required() int { return len(t.Arguments) - len(t.Options) }

// Targets reads the targets of a magefiles folder.
func Targets(dir string) ([]Target, error) {
	pkg, err := read(dir)
	if err != nil {
		return nil, err
	}
	var list []Target
	for _, f := range pkg.Funcs {
		list = append(list, target(f))
	}
	slices.SortFunc(list, func(a, b Target) int {
		if (a.Group == "") != (b.Group == "") {
			return strings.Compare(a.Group, b.Group)
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list, nil
}

// Words are all names that mage takes, short ones included, in lower case, since mage
// does not look at the case, and what each of them stands for.
func Words(dir string) (map[string]Target, error) {
	pkg, err := read(dir)
	if err != nil {
		return nil, err
	}
	words := map[string]Target{}
	for _, f := range pkg.Funcs {
		t := target(f)
		words[strings.ToLower(t.Name)] = t
	}
	for alias, f := range pkg.Aliases {
		words[strings.ToLower(alias)] = target(f)
	}
	return words, nil
}

func target(f *parse.Function) Target {
	t := Target{Name: lower(f.Name), Text: sentence(f.Name, f.Comment)}
	if f.Receiver != "" {
		t.Group = lower(f.Receiver)
		t.Name = t.Group + ":" + t.Name
	}
	for _, a := range f.Args {
		t.Arguments = append(t.Arguments, a.Name)
		if a.Optional {
			if t.Options == nil {
				t.Options = map[string]bool{}
			}
			t.Options[strings.ToLower(a.Name)] = a.Type == "bool"
		}
	}
	return t
}

func read(dir string) (*parse.PkgInfo, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	for i, f := range files {
		files[i] = filepath.Base(f)
	}
	pkg, err := parse.PrimaryPackage("go", dir, files, false)
	if err != nil {
		return nil, fmt.Errorf("reading the targets in %s: %w", dir, err)
	}
	return pkg, nil
}

// sentence is a comment without the function's name, which Go wants in front.
func sentence(name, comment string) string {
	text := strings.Join(strings.Fields(comment), " ")
	rest, ok := strings.CutPrefix(text, name+" ")
	if !ok || rest == "" {
		return text
	}
	return strings.ToUpper(rest[:1]) + rest[1:]
}

func lower(name string) string { return strings.ToLower(name[:1]) + name[1:] }

// Page is docs/targets.md.
func Page(list []Target) string {
	var b strings.Builder
	b.WriteString("# Targets\n\n<!-- Generated from magefiles/ by `go test ./internal/manual -update`; changes are lost. -->\n\n")
	b.WriteString("`go tool mage TARGET`. ENV=prod (or another environment) before the command chooses the environment; dev is the default.\n")
	group := "-"
	for _, t := range list {
		if t.Group != group {
			group = t.Group
			title := group
			if title == "" {
				title = "The stack"
			}
			fmt.Fprintf(&b, "\n## %s\n\n| target | what it does |\n| --- | --- |\n", title)
		}
		name := t.Name
		for _, a := range t.Arguments {
			name += " " + a
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", name, strings.ReplaceAll(t.Text, "|", `\|`))
	}
	return b.String()
}

// Help is what `mage` alone prints: the targets by group, the first sentence of each.
func Help(list []Target) string {
	var b strings.Builder
	b.WriteString("Drydock: go tool mage TARGET   (ENV=prod for production)\n")
	group := "-"
	for _, t := range list {
		if t.Group != group {
			group = t.Group
			b.WriteByte('\n')
		}
		first, _, _ := strings.Cut(t.Text, ". ")
		fmt.Fprintf(&b, "  %-18s %s\n", t.Name, strings.TrimSuffix(first, "."))
	}
	b.WriteString("\nBegin with: go tool mage setup up\n")
	return b.String()
}
