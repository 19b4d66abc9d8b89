package image

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// dockerfile is what the build needs to know of a Dockerfile before BuildKit reads it:
// which build arguments it declares, and its stages.
// https://docs.docker.com/reference/dockerfile/
type dockerfile struct {
	Args     []string
	Defaults map[string]string // of the arguments before the first FROM
	Stages   []stage
}

type stage struct {
	Name string // lower case, "" when it has none
	From string // as written, arguments not replaced

	Part takings // what it takes from elsewhere

	Checked, Unchecked bool // the stage's last HEALTHCHECK declares one, or says NONE
}

var (
	continued = regexp.MustCompile(`\\[ \t]*\r?\n`)
	argLine   = regexp.MustCompile(`(?i)^\s*ARG\s+(.+)$`)
	checkLine = regexp.MustCompile(`(?i)^\s*HEALTHCHECK\s+(\S+)`)
	fromLine  = regexp.MustCompile(`(?i)^\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?\s*$`)
)

func parseDockerfile(text string) dockerfile {
	d := dockerfile{Defaults: map[string]string{}}
	for _, line := range strings.Split(continued.ReplaceAllString(text, " "), "\n") {
		line = strings.TrimRight(line, "\r")
		if m := fromLine.FindStringSubmatch(line); m != nil {
			d.Stages = append(d.Stages, stage{Name: strings.ToLower(m[2]), From: m[1]})
		}
		if len(d.Stages) > 0 {
			d.Stages[len(d.Stages)-1].Part.take(line)
		}
		if m := checkLine.FindStringSubmatch(line); m != nil && len(d.Stages) > 0 {
			last := &d.Stages[len(d.Stages)-1]
			last.Unchecked = strings.EqualFold(m[1], "NONE")
			last.Checked = !last.Unchecked
		}
		if m := argLine.FindStringSubmatch(line); m != nil {
			for _, field := range strings.Fields(m[1]) {
				name, value, given := strings.Cut(field, "=")
				d.Args = append(d.Args, name)
				if given && len(d.Stages) == 0 {
					d.Defaults[name] = strings.Trim(value, `"'`)
				}
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

// base is the image that the stage ("" is the last) begins with in the end, if it is
// neither one of ours nor nothing; else "". args replace the Dockerfile's defaults.
func (d dockerfile) base(name string, args map[string]string) string {
	for i := len(d.Stages) - 1; i >= 0; i-- {
		s := d.Stages[i]
		if name != "" && s.Name != strings.ToLower(name) {
			continue
		}
		earlier := dockerfile{Stages: d.Stages[:i], Defaults: d.Defaults}
		if earlier.has(strings.ToLower(s.From)) {
			return earlier.base(s.From, args)
		}
		from := s.From
		for range 8 { // an argument's default may use another's; deeper is a loop
			ours := false
			next := variable.ReplaceAllStringFunc(from, func(v string) string {
				m := variable.FindStringSubmatch(v)
				name, otherwise := m[1]+m[3], m[2]
				if _, ok := argument[name]; ok {
					ours = true
				}
				return cmp.Or(args[name], d.Defaults[name], otherwise)
			})
			if ours || next == "scratch" {
				return ""
			}
			if next == from {
				return from
			}
			from = next
		}
		return ""
	}
	return ""
}

// variable is ${NAME}, ${NAME:-default} or $NAME.
var variable = regexp.MustCompile(`\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))`)

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
