package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"drydock/internal/gateway/supervisor"
)

// command is one call of the program.
type command struct {
	getenv   func(string) string
	in       io.Reader
	out, err io.Writer
	signals  chan os.Signal
	paths    supervisor.Paths
}

// verb is one subcommand.
type verb struct {
	name  string
	usage string // of its arguments
	flags []string
	args  [2]int // how many, at least and at most
	run   func(c command, ctx context.Context, a arguments) error
}

func verbs() []verb {
	return []verb{
		{name: "run", run: command.serve},
		{name: "test", run: command.test},
		{name: "state", usage: "[--json]", flags: []string{"json"}, run: command.state},
		{name: "switch", usage: "COLOUR [--force]", flags: []string{"force"}, args: [2]int{1, 1}, run: command.change},
		{name: "canary", usage: "COLOUR PERCENT [--force] | off", flags: []string{"force"}, args: [2]int{1, 2}, run: command.canary},
		{name: "maintenance", usage: "on [REASON] | off | status", args: [2]int{1, 20}, run: command.maintenance},
		{name: "turn", run: command.turn},
		{name: "reload", run: command.reload},
		{name: "load", usage: "[--reset] < TAR", flags: []string{"reset"}, run: command.load},
		{name: "get", usage: "[--preview] PATH", flags: []string{"preview"}, args: [2]int{1, 1}, run: command.get},
		{name: "healthy", run: command.healthy},
		{name: "window", usage: "[--colour=COLOUR] [--seconds=N]", flags: []string{"colour=", "seconds="}, run: command.window},
		{name: "version", run: func(c command, _ context.Context, _ arguments) error { return c.print(c.version()) }},
	}
}

// run does what the words say.
func (c command) run(ctx context.Context, words []string) error {
	name := "run"
	if len(words) > 0 {
		name, words = words[0], words[1:]
	}
	for _, v := range verbs() {
		if v.name != name {
			continue
		}
		a, err := parse(v, words)
		if err != nil {
			return supervisor.WithCode(supervisor.CodeUsage, fmt.Errorf("%w\nusage: gateway %s", err, strings.TrimSpace(v.name+" "+v.usage)))
		}
		if v.name != "run" { // the others end at once when asked to
			var stop context.CancelFunc
			ctx, stop = context.WithCancel(ctx)
			defer stop()
			go func() {
				if _, ok := <-c.signals; ok {
					stop()
				}
			}()
		}
		return v.run(c, ctx, a)
	}
	list := "there is no subcommand " + fmt.Sprintf("%q", name) + "; there are:"
	for _, v := range verbs() {
		list += "\n  gateway " + strings.TrimSpace(v.name+" "+v.usage)
	}
	return supervisor.WithCode(supervisor.CodeUsage, errors.New(list))
}

// arguments are a subcommand's words.
type arguments struct {
	flags map[string]string // without dashes; "true" for those without a value
	words []string
}

func parse(v verb, words []string) (arguments, error) {
	a := arguments{flags: map[string]string{}}
	for _, w := range words {
		flag, ok := strings.CutPrefix(w, "--")
		if !ok {
			a.words = append(a.words, w)
			continue
		}
		name, value, hasValue := strings.Cut(flag, "=")
		switch {
		case hasValue && slices.Contains(v.flags, name+"="):
			a.flags[name] = value
		case !hasValue && slices.Contains(v.flags, name):
			a.flags[name] = "true"
		default:
			return arguments{}, fmt.Errorf("%s does not know %s", v.name, w)
		}
	}
	switch n := len(a.words); {
	case n < v.args[0]:
		return arguments{}, fmt.Errorf("%s needs an argument", v.name)
	case n > v.args[1]:
		return arguments{}, fmt.Errorf("%s does not know %q", v.name, a.words[v.args[1]])
	}
	return a, nil
}

func (c command) print(a ...any) error {
	_, err := fmt.Fprintln(c.out, a...)
	return err
}

func (c command) settings() (supervisor.Settings, error) {
	s, err := supervisor.FromEnviron(c.getenv)
	s.Paths = c.paths
	return s, err
}

// version is told to the container and not built in, so that equal code makes equal images.
func (c command) version() string {
	if v := c.getenv("APP_VERSION"); v != "" {
		return v
	}
	return "dev"
}

func (c command) client() *supervisor.Client { return supervisor.NewClient(c.paths.AdminSocket()) }

// memory is what the supervisor tries to get along with; nginx needs the rest.
const memory = 40 << 20

// serve is the subcommand run.
func (c command) serve(ctx context.Context, _ arguments) error {
	settings, err := c.settings()
	if err != nil {
		return err
	}
	debug.SetMemoryLimit(memory)
	log := slog.New(slog.NewJSONHandler(c.err, nil))
	from, err := certificates(settings, c.getenv, log)
	if err != nil {
		return err
	}
	s, err := supervisor.New(supervisor.Options{Settings: settings, Version: c.version(), Log: log, Certificates: from})
	if err != nil {
		return err
	}
	return s.Run(ctx, c.signals)
}

func (c command) test(ctx context.Context, _ arguments) error {
	settings, err := c.settings()
	if err != nil {
		return err
	}
	said, err := supervisor.TestImage(ctx, settings)
	if err != nil {
		return err
	}
	_, err = io.WriteString(c.out, said)
	return err
}

// post asks for an action and prints its result.
func (c command) post(ctx context.Context, path string, values url.Values, body io.Reader) error {
	if turn := c.getenv("GATEWAY_TURN"); turn != "" {
		if values == nil {
			values = url.Values{}
		}
		values.Set("turn", turn)
	}
	text, err := c.client().Post(ctx, path, values, body)
	if err != nil {
		return err
	}
	return c.result(text)
}
