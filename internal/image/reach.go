package image

import (
	"cmp"
	"encoding/json"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// takings is what one stage of a Dockerfile takes from elsewhere.
type takings struct {
	Uses    []string // names or numbers of stages, or references of images
	Sources []string // paths of the context, as written
	Whole   bool     // any file of the context may matter
	Args    []string
}

// reach is what building one stage takes, with every stage that it is made from.
type reach struct {
	Needs   map[string]string // build argument to the image of ours that it stands for
	Sources []string
	Whole   bool
}

var (
	copyLine  = regexp.MustCompile(`(?i)^\s*(?:COPY|ADD)\s+(.*)$`)
	runLine   = regexp.MustCompile(`(?i)^\s*RUN\s+(.*)$`)
	mountFlag = regexp.MustCompile(`--mount=(\S+)`)
)

// take reads one instruction of a stage.
func (p *takings) take(line string) {
	if m := copyLine.FindStringSubmatch(line); m != nil {
		p.takeCopy(m[1])
	}
	if m := runLine.FindStringSubmatch(line); m != nil {
		for _, mount := range mountFlag.FindAllStringSubmatch(m[1], -1) {
			p.takeMount(mount[1])
		}
	}
	if m := argLine.FindStringSubmatch(line); m != nil {
		for _, field := range strings.Fields(m[1]) {
			name, _, _ := strings.Cut(field, "=")
			p.Args = append(p.Args, name)
		}
	}
}

func (p *takings) takeCopy(rest string) {
	var words []string
	for rest = strings.TrimSpace(rest); strings.HasPrefix(rest, "--"); {
		flag, after, _ := strings.Cut(rest, " ")
		rest = strings.TrimSpace(after)
		if from, ok := strings.CutPrefix(flag, "--from="); ok {
			p.Uses = append(p.Uses, from)
			return
		}
	}
	if strings.HasPrefix(rest, "[") {
		if json.Unmarshal([]byte(rest), &words) != nil {
			p.Whole = true
			return
		}
	} else {
		words = strings.Fields(rest)
	}
	for _, w := range words[:max(len(words)-1, 0)] {
		switch {
		case strings.HasPrefix(w, "<<"): // the content is in the Dockerfile
		case strings.ContainsAny(w, "$\\\"'"):
			p.Whole = true
		default:
			p.Sources = append(p.Sources, w)
		}
	}
}

// takeMount reads a mount of RUN. Bind is the default, and without from= it is the context.
func (p *takings) takeMount(flag string) {
	kind, from := "bind", ""
	for option := range strings.SplitSeq(flag, ",") {
		switch key, value, _ := strings.Cut(option, "="); key {
		case "type":
			kind = value
		case "from":
			from = value
		}
	}
	switch {
	case from != "":
		p.Uses = append(p.Uses, from)
	case kind == "bind":
		p.Whole = true
	}
}

// reach follows a stage ("" is the last). args replace the Dockerfile's defaults.
func (d dockerfile) reach(name string, args map[string]string) reach {
	r := reach{Needs: map[string]string{}}
	need := func(arg string) {
		if image, ok := argument[arg]; ok {
			r.Needs[arg] = image
		}
	}
	seen := map[int]bool{}
	var visit func(i int)
	visit = func(i int) {
		if i < 0 || seen[i] {
			return
		}
		seen[i] = true
		s := d.Stages[i]
		for _, arg := range append(d.argsIn(s.From, args, 0), s.Part.Args...) {
			need(arg)
		}
		r.Sources = append(r.Sources, s.Part.Sources...)
		r.Whole = r.Whole || s.Part.Whole
		begin, _ := d.expand(s.From, args)
		for _, use := range append(slices.Clone(s.Part.Uses), begin) {
			visit(d.index(use, i))
		}
	}
	visit(d.index(name, len(d.Stages)))
	return r
}

// index finds a stage by name or number among those before another; -1 is none.
func (d dockerfile) index(name string, before int) int {
	if name == "" {
		return before - 1
	}
	if n, err := strconv.Atoi(name); err == nil && n >= 0 && n < before {
		return n
	}
	for i := before - 1; i >= 0; i-- {
		if d.Stages[i].Name == strings.ToLower(name) {
			return i
		}
	}
	return -1
}

// argsIn are the arguments that a text depends on, those of their defaults included.
func (d dockerfile) argsIn(text string, args map[string]string, depth int) []string {
	if depth > 8 { // a loop
		return nil
	}
	var list []string
	for _, m := range variable.FindAllStringSubmatch(text, -1) {
		name := m[1] + m[3]
		list = append(list, name)
		list = append(list, d.argsIn(cmp.Or(args[name], d.Defaults[name], m[2]), args, depth+1)...)
	}
	return list
}

// takes says whether a file of the context matters.
func (r reach) takes(file string) bool {
	if r.Whole {
		return true
	}
	return slices.ContainsFunc(r.Sources, func(source string) bool {
		pattern := strings.TrimPrefix(path.Clean("/"+source), "/")
		if pattern == "" {
			return true // the whole context
		}
		// The source names the file or a folder above it.
		for at := file; at != "."; at = path.Dir(at) {
			if ok, err := path.Match(pattern, at); ok || err != nil {
				return true
			}
		}
		return false
	})
}
