package target

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"drydock/internal/env"
	"drydock/internal/manual"
	"drydock/internal/run"
)

// Arguments looks at the whole command line before anything runs, and ends the process when
// something of it is wrong. Mage reads an argument when its turn comes: a setting behind the
// target, or a misspelt second target, would be found after the first one had done its work,
// and without that setting.
func Arguments() {
	c := commandLine(os.Args, os.Environ())
	if c.looks {
		return
	}
	known, err := targets()
	if err != nil {
		known = nil // the targets tell what is wrong with the checkout; names are left to mage
	}
	if err := c.check(known); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "Error:", err) // as mage writes it; there is nowhere else to complain
		os.Exit(run.Code(err))
	}
}

func targets() (map[string]manual.Target, error) {
	src, err := env.Process()
	if err != nil {
		return nil, err
	}
	return manual.Words(filepath.Join(src.Root, "magefiles"))
}

// command is a command line as the program that mage makes gets it.
type command struct {
	program string   // how a person calls it, with mage's own options
	words   []string // targets and their arguments
	given   []string // settings of the process environment
	looks   bool     // only help, the list of targets, or what mage refuses itself
}

// Mage names the program in its cache after a sum.
var cached = regexp.MustCompile(`^[0-9a-f]{40,}$`)

// commandLine reads it as mage's main does.
func commandLine(args, environ []string) command {
	has := env.Variables(environ)
	is := func(key string) bool { yes, _ := strconv.ParseBool(has[key]); return yes }
	var fs flag.FlagSet
	fs.SetOutput(io.Discard)
	verbose := fs.Bool("v", is("MAGEFILE_VERBOSE"), "")
	list := fs.Bool("l", is("MAGEFILE_LIST"), "")
	help := fs.Bool("h", is("MAGEFILE_HELP"), "")
	timeout, _ := time.ParseDuration(has["MAGEFILE_TIMEOUT"])
	fs.DurationVar(&timeout, "t", timeout, "")
	err := fs.Parse(args[1:])
	c := command{program: args[0], words: fs.Args(), given: given(environ), looks: err != nil || *list || *help}
	if cached.MatchString(strings.TrimSuffix(filepath.Base(args[0]), ".exe")) {
		c.program = "go tool mage"
	}
	if *verbose {
		c.program += " -v"
	}
	if timeout > 0 {
		c.program += " -t " + timeout.String()
	}
	return c
}

// given are the settings that the process environment has: a command that is repeated without
// them may mean another environment. What other programs know, too, stays where it is, except
// for the engine; and a secret is not repeated.
func given(environ []string) []string {
	ambient := map[string]bool{}
	for _, k := range env.Schema() {
		ambient[k.Name] = k.Ambient && k.Name != "DOCKER_HOST"
	}
	var list []string
	for _, kv := range environ {
		key, value, _ := strings.Cut(kv, "=")
		if known, _ := env.Setting(key); !known || ambient[key] || env.Masked(key) || key == "ENV" && value == "" {
			continue
		}
		list = append(list, kv)
	}
	slices.Sort(list)
	return list
}

// check says what is wrong with the words, or nil. Without known targets it looks for settings alone.
func (c command) check(known map[string]manual.Target) error {
	var settings, rest []string
	for _, w := range c.words {
		if isSetting(w) {
			settings = append(settings, w)
		} else {
			rest = append(rest, w)
		}
	}
	if len(settings) > 0 {
		return c.refuseSettings(settings, rest)
	}
	if known == nil {
		return nil
	}
	for x := 0; x < len(rest); {
		name := rest[x]
		t, ok := known[strings.ToLower(name)]
		if !ok {
			return badInput(unknown(c, name, rest[:x], known))
		}
		x++
		if have := len(rest) - x; have < t.Required() {
			var want []string
			for _, a := range t.Arguments {
				if _, may := t.Options[strings.ToLower(a)]; !may {
					want = append(want, a)
				}
			}
			return badInput(fmt.Sprintf("%s needs %s: %s %s %s", t.Name, strings.Join(want, " and "), c.program, t.Name, strings.ToUpper(strings.Join(want, " "))))
		}
		x += t.Required()
		for len(t.Options) > 0 && x < len(rest) && strings.HasPrefix(rest[x], "-") {
			option, _, valued := strings.Cut(rest[x][1:], "=")
			if bare, ok := t.Options[strings.ToLower(option)]; !ok || !valued && !bare {
				return badInput(fmt.Sprintf("%s: %s takes -%s=value", rest[x], t.Name, strings.Join(slices.Sorted(maps.Keys(t.Options)), "=value, -")))
			}
			x++
		}
	}
	return nil
}

// isSetting says whether a word is one: no target has a name with =, and an option begins with -.
func isSetting(word string) bool {
	key, _, ok := strings.Cut(word, "=")
	return ok && !strings.HasPrefix(key, "-")
}

func (c command) refuseSettings(settings, rest []string) error {
	var said, front, doubts []string
	moved := map[string]bool{}
	for _, w := range settings {
		key, value, _ := strings.Cut(w, "=")
		if known, meant := env.Setting(key); !known && meant != "" {
			doubts = append(doubts, fmt.Sprintf("there is no setting %s, did you mean %s? ", key, meant))
			key = meant
		}
		if env.Masked(key) {
			value = "..."
		} else {
			value = quote(value)
		}
		said = append(said, key+"="+value)
		moved[key] = true
	}
	for _, kv := range c.given {
		if key, value, _ := strings.Cut(kv, "="); !moved[key] {
			front = append(front, key+"="+quote(value))
		}
	}
	call := strings.Join(append(front, said...), " ") + " " + c.call(rest)
	what, them := "is a setting", "it"
	if len(said) > 1 {
		what, them = "are settings", "them"
	}
	return badInput(fmt.Sprintf("%s%s %s: write %s before the command: %s", strings.Join(doubts, ""), strings.Join(said, " and "), what, them, call))
}

// call is the command without its settings.
func (c command) call(words []string) string {
	text := c.program
	for _, w := range words {
		text += " " + quote(w)
	}
	return text
}

// unknown tells what was likely meant by a name that is no target.
func unknown(c command, name string, before []string, known map[string]manual.Target) string {
	if strings.HasPrefix(name, "-") {
		if len(before) == 0 {
			return fmt.Sprintf("%s is no option; %s -h lists them", name, c.program)
		}
		return fmt.Sprintf("%s is no target, and %s takes no such option; options come before the targets: %s", name, before[0], c.call(append([]string{name}, before...)))
	}
	lower := strings.ToLower(name)
	names := slices.Sorted(maps.Keys(known))
	groups := map[string][]string{}
	last := map[string][]string{}
	for _, n := range names {
		if group, verb, ok := strings.Cut(n, ":"); ok {
			groups[group] = append(groups[group], known[n].Name)
			last[verb] = append(last[verb], known[n].Name)
		}
	}
	said := fmt.Sprintf("there is no target %s", name)
	if of := groups[lower]; of != nil {
		return fmt.Sprintf("%s alone; there are %s", said, strings.Join(of, ", "))
	}
	if of := last[lower]; of != nil {
		return fmt.Sprintf("%s; did you mean %s?", said, strings.Join(of, " or "))
	}
	near := env.Nearest(lower, append(names, slices.Sorted(maps.Keys(groups))...))
	switch {
	case near == "":
		return fmt.Sprintf("%s; %s -l lists them", said, c.program)
	case groups[near] != nil && known[near].Name == "":
		return fmt.Sprintf("%s; did you mean one of %s?", said, strings.Join(groups[near], ", "))
	}
	return fmt.Sprintf("%s; did you mean %s?", said, known[near].Name)
}

func badInput(text string) error { return run.WithCode(run.CodeBadInput, errors.New(text)) }

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]*$`)

// quote writes a word so that a shell reads just that.
func quote(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
