package env

import (
	_ "embed"
	"fmt"
	"strings"
	"text/template"
)

// What is generated from the schema: .env.example and the settings page of
// the manual in both languages. A test fails when one of them is stale and
// `go test ./internal/env -update` writes them.

//go:embed text/settings.en.md
var manualEn string

//go:embed text/settings.zh.md
var manualZh string

//go:embed text/example.env
var exampleHead string

// Files are the committed files of the environments, which the generated texts
// quote: dev.env and prod.env.
type Files struct{ Dev, Prod []byte }

// values is the content of one of them.
func values(file string, src []byte) (map[string]string, error) {
	entries, faults := parseDotenv(src)
	if len(faults) > 0 {
		return nil, fmt.Errorf("reading %s: line %d: %s", file, faults[0].line, faults[0].found)
	}
	m := map[string]string{}
	for _, e := range entries {
		m[e.key] = e.value
	}
	return m, nil
}

// Example is the text of .env.example. The keys that the compose files need
// have a line with the value of dev; all others are commented out.
func Example(files Files) (string, error) {
	dev, err := values("env/dev.env", files.Dev)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(exampleHead)
	for _, g := range Groups {
		if g.Name == "option" {
			continue // no file can set them
		}
		fmt.Fprintf(&b, "\n# ---- %s\n", g.En)
		for _, k := range schema() {
			if k.Group != g.Name {
				continue
			}
			b.WriteString("\n" + comment(k.Doc+" ("+k.kind.How+")"))
			value, ok := dev[k.Name]
			if !ok {
				value = k.Default
			}
			if !k.Active {
				b.WriteString("# ")
			}
			b.WriteString(k.Name + "=" + Quote(value) + "\n")
			if k.Secret {
				b.WriteString("# " + k.Name + "_FILE=\n")
			}
		}
		if name := strings.ToUpper(g.Name); name == "BACKEND" || name == "FRONTEND" {
			b.WriteString("\n" + comment("Variables and secrets of your own: "+name+"_ENV_<NAME> is <NAME> in the container; "+name+"_SECRET_<NAME> is the file /run/secrets/<name>, whose path is in <NAME>_FILE."))
			b.WriteString("# " + name + "_ENV_GREETING='hello $world'\n# " + name + "_SECRET_API_KEY_FILE=/etc/keys/api\n")
		}
	}
	return b.String(), nil
}

// comment wraps a text into lines of a comment.
func comment(text string) string {
	const width = 90
	var b strings.Builder
	line := "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
	return b.String()
}

// Manual is the settings page in "en" or "zh".
func Manual(language string, files Files) (string, error) {
	dev, err := values("env/dev.env", files.Dev)
	if err != nil {
		return "", err
	}
	prod, err := values("env/prod.env", files.Prod)
	if err != nil {
		return "", err
	}
	text := manualEn
	if language == "zh" {
		text = manualZh
	}
	t, err := template.New("settings." + language).Parse(text)
	if err != nil {
		return "", fmt.Errorf("reading the frame of the settings page: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, map[string]string{"Keys": tables(language == "zh", dev, prod)}); err != nil {
		return "", fmt.Errorf("writing the settings page: %w", err)
	}
	return b.String(), nil
}

// tables is one table for each group of keys.
func tables(zh bool, dev, prod map[string]string) string {
	pick := func(en, other string) string {
		if zh {
			return other
		}
		return en
	}
	var b strings.Builder
	for _, g := range Groups {
		fmt.Fprintf(&b, "### %s\n\n", pick(g.En, g.Zh))
		if g.Name == "option" {
			b.WriteString(pick("From the process environment only, given with the command: `FORMAT=json go tool mage status`.\n\n",
				"只能来自进程环境，随命令给出：`FORMAT=json go tool mage status`。\n\n"))
			b.WriteString(pick("| key | default | meaning | how to write it |\n| --- | --- | --- | --- |\n", "| 键 | 默认值 | 含义 | 写法 |\n| --- | --- | --- | --- |\n"))
		} else {
			b.WriteString(pick("| key | default | dev | prod | meaning | how to write it |\n| --- | --- | --- | --- | --- | --- |\n",
				"| 键 | 默认值 | dev | prod | 含义 | 写法 |\n| --- | --- | --- | --- | --- | --- |\n"))
		}
		for _, k := range schema() {
			if k.Group != g.Name {
				continue
			}
			def := code(k.Default)
			if k.host != nil {
				def = strings.TrimSpace(pick("the host's, else ", "取自主机，否则 ") + def)
				if k.Default == "" {
					def = pick("the host's", "取自主机")
				}
			}
			fmt.Fprintf(&b, "| `%s` | %s |", k.Name, def)
			if !k.Option {
				fmt.Fprintf(&b, " %s | %s |", code(dev[k.Name]), code(prod[k.Name]))
			}
			fmt.Fprintf(&b, " %s | %s |\n", pick(cell(k.Doc), cell(k.DocZh)), pick(cell(k.kind.How), cell(k.kind.HowZh)))
		}
		b.WriteString("\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

func code(value string) string {
	if value == "" {
		return ""
	}
	return "`" + value + "`"
}

// cell makes a text safe inside a table of Markdown: < is no tag, | no column.
func cell(text string) string {
	var b strings.Builder
	inCode := false
	for _, r := range text {
		switch {
		case r == '`':
			inCode = !inCode
			b.WriteRune(r)
		case r == '|':
			b.WriteString(`\|`)
		case r == '<' && !inCode:
			b.WriteString("&lt;")
		case r == '>' && !inCode:
			b.WriteString("&gt;")
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
