package manual

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Mark is a comment in a page that says what a test does with the block after it. Readers
// of the rendered page do not see it. docs/architecture.md, section Tests, has the words.
type Mark struct {
	Line  int
	Text  string // between <!-- and -->, without the blanks around it
	Block *Block // directly after it; nil when something else follows
}

// Kind is what is done.
type Kind string

// The kinds.
const (
	Run     Kind = "run"     // the block after it is run
	Prepare Kind = "prepare" // a script that readers do not see is run: the scene of what follows
	Let     Kind = "let"     // what a script prints takes the place of a word in what follows
	output  Kind = "output"  // no step of its own: what the run before it has to print
)

// The scratch stacks that a step can be about.
const (
	OnDev  = "dev"
	OnProd = "prod"
	OnS3   = "s3" // prod in a checkout of its own, whose backups go to S3, too
)

var stacks = []string{OnDev, OnProd, OnS3}

// Step is one thing that the test of a page does.
type Step struct {
	Line   int
	Kind   Kind
	Stack  string   // one of the above
	Word   string   // of Let: the text that stands in the page
	Script string   // for bash
	Code   int      // the exit code that the page promises
	Output []string // lines that it promises, see CheckOutput
}

// marking is a marking's first line: kind, stack, and what the kind wants; the lines after it
// are a script.
var marking = regexp.MustCompile(`^(\w+)(?:: ?(\w+))?(?: +(.+))?$`)

// generated are the first words of comments that are no markings.
var generated = []string{"Generated", "由", "rules:", "exceptions:", "end"}

// shells are the languages of blocks that can be run.
var shells = []string{"", "sh", "bash"}

// Steps are what the page's markings ask for, in order. Every one that cannot be read is in
// the error, with file and line: a mistyped marking must not mean that nothing is tested.
func (m Manual) Steps() ([]Step, error) {
	var steps []Step
	var errs []error
	for _, mark := range m.Marks {
		first, _, _ := strings.Cut(mark.Text, " ")
		if slices.Contains(generated, first) {
			continue
		}
		step, err := mark.step()
		if err == nil && step.Kind == output {
			err = expect(steps, mark)
		} else if err == nil {
			steps = append(steps, step)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: <!-- %s -->: %w", m.Path, mark.Line, strings.ReplaceAll(mark.Text, "\n", " "), err))
		}
	}
	return steps, errors.Join(errs...)
}

// step reads one marking.
func (m Mark) step() (s Step, err error) {
	head, script, _ := strings.Cut(m.Text, "\n")
	parts := marking.FindStringSubmatch(strings.TrimSpace(head))
	if parts == nil {
		return s, errors.New("a comment in a manual is a marking: run, output, prepare or let")
	}
	rest := parts[3]
	s = Step{Line: m.Line, Kind: Kind(parts[1]), Stack: parts[2], Script: strings.TrimSpace(script)}
	if s.Stack == "" {
		s.Stack = OnDev
	}
	switch s.Kind {
	case Run:
		if number, ok := strings.CutPrefix(rest, "fails:"); ok {
			rest = ""
			if s.Code, err = strconv.Atoi(strings.TrimSpace(number)); err != nil || s.Code < 1 || s.Code > 255 {
				return s, errors.New("fails: wants an exit code from 1 to 255")
			}
		}
	case Let:
		if s.Word, rest = rest, ""; s.Word == "" {
			return s, errors.New("the text of the page that it replaces is missing: <!-- let TEXT, then the script -->")
		}
	case output, Prepare:
	default:
		return s, fmt.Errorf("there is no marking %q; there are: run, output, prepare and let", parts[1])
	}
	switch {
	case rest != "":
		return s, fmt.Errorf("%q is too much for %s", rest, s.Kind)
	case !slices.Contains(stacks, s.Stack):
		return s, fmt.Errorf("there is no stack %q; there are: %s", s.Stack, strings.Join(stacks, ", "))
	case (s.Kind == Prepare || s.Kind == Let) && s.Script == "":
		return s, errors.New("the script is missing: it comes in the lines after the first")
	case (s.Kind == Run || s.Kind == output) && s.Script != "":
		return s, errors.New("it has one line; a script belongs to prepare or let")
	}
	if s.Kind == Run || s.Kind == output {
		if err := m.runnable(); err != nil {
			return s, err
		}
		s.Script = strings.Join(m.Block.Lines, "\n")
	}
	return s, nil
}

// runnable demands a block of commands, or of their output, directly after the marking.
func (m Mark) runnable() error {
	switch {
	case m.Block == nil:
		return errors.New("no block of code comes directly after it")
	case !slices.Contains(shells, m.Block.Language):
		return fmt.Errorf("the block after it is %s, and no shell's", m.Block.Language)
	}
	return nil
}

// expect gives the last step the lines of an output block.
func expect(steps []Step, m Mark) error {
	if len(steps) == 0 || steps[len(steps)-1].Kind != Run {
		return errors.New("no run comes before it")
	}
	last := &steps[len(steps)-1]
	if last.Output != nil {
		return errors.New("the run before it has an output already")
	}
	last.Output = m.Block.Lines
	return nil
}
