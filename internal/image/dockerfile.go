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

// line is the stage ("" is the last), the earlier one that it begins with, and so on; begin is the
// name of what the last of them begins with, settled as [dockerfile.expand] says. args replace the
// Dockerfile's defaults.
func (d dockerfile) line(name string, args map[string]string) (stages []stage, begin string, settled bool) {
	for i := len(d.Stages) - 1; i >= 0; i-- {
		s := d.Stages[i]
		if name != "" && s.Name != strings.ToLower(name) {
			continue
		}
		stages = append(stages, s)
		begin, settled = d.expand(s.From, args)
		earlier := dockerfile{Stages: d.Stages[:i]}
		if !earlier.has(strings.ToLower(begin)) {
			break
		}
		name = begin
	}
	return stages, begin, settled
}

// checked says whether the stage or one that it begins with declares a health check.
func (d dockerfile) checked(name string, args map[string]string) bool {
	stages, _, _ := d.line(name, args)
	for _, s := range stages {
		if s.Checked || s.Unchecked {
			return s.Checked
		}
	}
	return false
}

// base is the image that the stage begins with in the end, if it is neither one of ours nor
// nothing; else "".
func (d dockerfile) base(name string, args map[string]string) string {
	_, begin, settled := d.line(name, args)
	if !settled || begin == scratch || standsForOurs(begin) {
		return ""
	}
	return begin
}

// fromScratch says whether the stage begins with nothing.
func (d dockerfile) fromScratch(name string, args map[string]string) bool {
	_, begin, _ := d.line(name, args)
	return begin == scratch
}

// scratch is how a Dockerfile names nothing.
const scratch = "scratch"

// standsForOurs says whether an image's name has an argument that stands for an image of ours.
func standsForOurs(from string) bool {
	return slices.ContainsFunc(variable.FindAllStringSubmatch(from, -1), func(m []string) bool {
		_, ours := argument[m[1]+m[3]]
		return ours
	})
}

// expand puts arguments into the name of a stage or an image, but for those that stand for images
// of ours; not settled where defaults that use each other never come to an end.
func (d dockerfile) expand(from string, args map[string]string) (text string, settled bool) {
	for range 8 { // an argument's default may use another's; deeper is a loop
		next := variable.ReplaceAllStringFunc(from, func(v string) string {
			m := variable.FindStringSubmatch(v)
			name, otherwise := m[1]+m[3], m[2]
			if _, ours := argument[name]; ours {
				return v
			}
			return cmp.Or(args[name], d.Defaults[name], otherwise)
		})
		if next == from {
			return from, true
		}
		from = next
	}
	return from, false
}

// variable is ${NAME}, ${NAME:-default} or $NAME.
var variable = regexp.MustCompile(`\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))`)
