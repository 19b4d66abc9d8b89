package security

import (
	"regexp"
	"strings"
)

// Dockerfile is a Dockerfile as far as the rules need it: its instructions, whole. BuildKit
// is what judges the syntax; its own parser would bring some forty modules along.
// https://docs.docker.com/reference/dockerfile/#format
type Dockerfile struct {
	Path         string // as it is shown
	Instructions []Instruction
}

// Instruction is one instruction, its continued lines joined by a space, without comments.
type Instruction struct {
	Line int    // where it begins, from 1
	Name string // upper case
	Args string // with the text of here-documents
}

var (
	directive = regexp.MustCompile(`(?i)^#\s*escape\s*=\s*(\S)\s*$`)
	heredoc   = regexp.MustCompile(`<<(-?)\s*["']?([A-Za-z_][A-Za-z0-9_]*)["']?`)
)

// ParseDockerfile splits a Dockerfile into its instructions.
func ParseDockerfile(path, text string) Dockerfile {
	d := Dockerfile{Path: path}
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	escape, head := `\`, true
	for i := 0; i < len(lines); i++ {
		line := strings.TrimSpace(lines[i])
		if m := directive.FindStringSubmatch(line); head && m != nil {
			escape = m[1]
			continue
		}
		if line == "" || strings.HasPrefix(line, "#") {
			head = head && line != "" && strings.Contains(line, "=") // parser directives come first
			continue
		}
		head = false
		begin := i + 1
		var whole strings.Builder
		for {
			part, more := strings.CutSuffix(strings.TrimRight(lines[i], " \t"), escape)
			whole.WriteString(strings.TrimSpace(part) + " ")
			if !more {
				break
			}
			// Comments and empty lines inside are left out, as BuildKit does.
			for i++; i < len(lines) && (strings.TrimSpace(lines[i]) == "" || strings.HasPrefix(strings.TrimSpace(lines[i]), "#")); i++ {
			}
			if i >= len(lines) {
				break
			}
		}
		name, args, _ := strings.Cut(strings.TrimSpace(whole.String()), " ")
		name = strings.ToUpper(name)
		if name == "RUN" || name == "COPY" || name == "ADD" {
			for _, m := range heredoc.FindAllStringSubmatch(args, -1) {
				for i++; i < len(lines); i++ {
					body := lines[i]
					if m[1] == "-" {
						body = strings.TrimLeft(body, "\t")
					}
					if body == m[2] {
						break
					}
					args += "\n" + body
				}
			}
		}
		d.Instructions = append(d.Instructions, Instruction{Line: begin, Name: name, Args: strings.TrimSpace(args)})
	}
	return d
}

// stages are the instructions from one FROM to the next; what stands before the first one
// (ARG) is in none.
func (d Dockerfile) stages() [][]Instruction {
	var all [][]Instruction
	for _, in := range d.Instructions {
		if in.Name == "FROM" {
			all = append(all, nil)
		}
		if len(all) > 0 {
			all[len(all)-1] = append(all[len(all)-1], in)
		}
	}
	return all
}

// from takes a FROM apart.
func (in Instruction) from() (image, name string) {
	words := strings.Fields(in.Args)
	for len(words) > 0 && strings.HasPrefix(words[0], "--") {
		words = words[1:]
	}
	if len(words) == 0 {
		return "", ""
	}
	if len(words) >= 3 && strings.EqualFold(words[1], "AS") {
		name = strings.ToLower(words[2])
	}
	return words[0], name
}

// final is the stage that is shipped: the one named prod, else the last; with those that it
// begins with, the lowest first.
func (d Dockerfile) final() []Instruction {
	stages := d.stages()
	if len(stages) == 0 {
		return nil
	}
	at := len(stages) - 1
	for i, s := range stages {
		if _, name := s[0].from(); name == "prod" {
			at = i
		}
	}
	all := stages[at]
	for {
		base, _ := stages[at][0].from()
		below := -1
		for i := range at {
			if _, name := stages[i][0].from(); name != "" && name == strings.ToLower(base) {
				below = i
			}
		}
		if below < 0 {
			return all
		}
		all = append(append([]Instruction{}, stages[below]...), all...)
		at = below
	}
}
