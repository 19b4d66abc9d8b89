package image

import (
	"regexp"
	"slices"
	"strings"
)

// dockerfile is what the build needs to know of a Dockerfile before BuildKit reads it:
// which build arguments it declares, and its stages.
// https://docs.docker.com/reference/dockerfile/
type dockerfile struct {
	Args   []string
	Stages []stage
}

type stage struct {
	Name string // lower case, "" when it has none
	From string // as written, arguments not replaced

	Checked, Unchecked bool // the stage's last HEALTHCHECK declares one, or says NONE
}

var (
	continued = regexp.MustCompile(`\\[ \t]*\r?\n`)
	argLine   = regexp.MustCompile(`(?i)^\s*ARG\s+(.+)$`)
	checkLine = regexp.MustCompile(`(?i)^\s*HEALTHCHECK\s+(\S+)`)
	fromLine  = regexp.MustCompile(`(?i)^\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?\s*$`)
)

func parseDockerfile(text string) dockerfile {
	var d dockerfile
	for _, line := range strings.Split(continued.ReplaceAllString(text, " "), "\n") {
		line = strings.TrimRight(line, "\r")
		if m := fromLine.FindStringSubmatch(line); m != nil {
			d.Stages = append(d.Stages, stage{Name: strings.ToLower(m[2]), From: m[1]})
		}
		if m := checkLine.FindStringSubmatch(line); m != nil && len(d.Stages) > 0 {
			last := &d.Stages[len(d.Stages)-1]
			last.Unchecked = strings.EqualFold(m[1], "NONE")
			last.Checked = !last.Unchecked
		}
		if m := argLine.FindStringSubmatch(line); m != nil {
			for _, field := range strings.Fields(m[1]) {
				name, _, _ := strings.Cut(field, "=")
				d.Args = append(d.Args, name)
			}
		}
	}
	return d
}

// has says whether there is a stage of that name.
func (d dockerfile) has(name string) bool {
	return slices.ContainsFunc(d.Stages, func(s stage) bool { return s.Name == name })
}

// pick chooses the stage to build: the one that is wanted, else prod, else the last ("").
func (d dockerfile) pick(want string) string {
	for _, name := range []string{want, StageProd} {
		if d.has(name) {
			return name
		}
	}
	return ""
}

// checked says whether the stage ("" is the last) or one that it begins with declares a
// health check.
func (d dockerfile) checked(name string) bool {
	for i := len(d.Stages) - 1; i >= 0; i-- {
		s := d.Stages[i]
		if name != "" && s.Name != strings.ToLower(name) {
			continue
		}
		if s.Checked || s.Unchecked {
			return s.Checked
		}
		earlier := dockerfile{Stages: d.Stages[:i]}
		return earlier.has(strings.ToLower(s.From)) && earlier.checked(s.From)
	}
	return false
}

// fromScratch says whether the stage ("" is the last) begins with nothing.
func (d dockerfile) fromScratch(name string) bool {
	for i := len(d.Stages) - 1; i >= 0; i-- {
		s := d.Stages[i]
		if name != "" && s.Name != strings.ToLower(name) {
			continue
		}
		if s.From == "scratch" {
			return true
		}
		// A stage that begins with an earlier one.
		earlier := dockerfile{Stages: d.Stages[:i]}
		return earlier.has(strings.ToLower(s.From)) && earlier.fromScratch(s.From)
	}
	return false
}

// needs are the images of ours that the Dockerfile can use.
func (d dockerfile) needs() map[string]string {
	found := map[string]string{}
	for _, a := range d.Args {
		if name, ok := argument[a]; ok {
			found[a] = name
		}
	}
	return found
}
