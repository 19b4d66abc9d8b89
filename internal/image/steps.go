package image

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"drydock/internal/run"
)

// stepWidth is how much of a step's command is shown: enough to tell which it is.
const stepWidth = 100

// steps turns the plain progress of BuildKit into a line for each step that begins and,
// for those that took a while, one when it ends. What comes after the dashes that begin
// the report of a failure passes as it is.
type steps struct {
	w  io.Writer
	of string // the image
	run.LineWriter
	names   map[string]string // vertex to its title in brackets
	failing bool
}

var (
	vertexStart = regexp.MustCompile(`^#(\d+) \[([^]]+)\] (.*)$`)
	vertexDone  = regexp.MustCompile(`^#(\d+) DONE (\d+(?:\.\d+)?)s$`)
)

// slowStep is from how many seconds on the end of a step is worth a line.
const slowStep = 5

func newSteps(w io.Writer, of string) *steps {
	s := &steps{w: w, of: of, names: map[string]string{}}
	s.Each = func(line []byte) error { return s.one(strings.TrimRight(string(line), "\r")) }
	return s
}

func (s *steps) one(line string) error {
	if strings.HasPrefix(line, "------") || strings.HasPrefix(line, "ERROR") {
		s.failing = true
	}
	switch {
	case s.failing:
		_, err := fmt.Fprintf(s.w, "  %s | %s\n", s.of, line)
		return err
	case !strings.HasPrefix(line, "#"):
		return nil
	}
	if m := vertexDone.FindStringSubmatch(line); m != nil {
		name, known := s.names[m[1]]
		seconds, err := strconv.ParseFloat(m[2], 64)
		if !known || err != nil || seconds < slowStep {
			return nil
		}
		_, err = fmt.Fprintf(s.w, "  %s %s: done in %.0f s\n", s.of, name, seconds)
		return err
	}
	m := vertexStart.FindStringSubmatch(line)
	if m == nil || strings.Contains(m[2], "internal") {
		return nil
	}
	if _, again := s.names[m[1]]; again {
		return nil // BuildKit repeats the title when it comes back to a step
	}
	s.names[m[1]] = m[2]
	text := strings.Join(strings.Fields(m[3]), " ")
	if len(text) > stepWidth {
		text = strings.ToValidUTF8(text[:stepWidth], "") + "..."
	}
	_, err := fmt.Fprintf(s.w, "  %s %s: %s\n", s.of, m[2], text)
	return err
}
