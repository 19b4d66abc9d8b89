package stack

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/run"
)

// meant are the containers that a failed start is about: not the other colour's, nor what ended
// before it, nor what was not started because of the others. When that was can be told where the engine's clock is ours (local).
func meant(project string, list []engine.Container, err error, local bool) []engine.Container {
	list = serving(project, list)
	var f *compose.Failure
	if !errors.As(err, &f) {
		return list
	}
	began := f.Began
	if !local {
		began = time.Time{}
	}
	return slices.DeleteFunc(list, func(c engine.Container) bool {
		if c.Project() != f.Project || len(f.Services) > 0 && !slices.Contains(f.Services, c.Service()) {
			return true
		}
		switch c.State {
		case engine.Exited, engine.Dead:
			return c.Finished.Before(began)
		case engine.Created:
			return c.Error == "" || c.Created.Before(began) // it waited for one of the others
		}
		return false
	})
}

// because shows what containers said last, and puts the reason behind the error: it is what is
// read first.
func (s *Stack) because(ctx context.Context, err error, sick []engine.Container) error {
	if len(sick) == 0 {
		return fmt.Errorf("%w; all logs: %s", err, s.command("logs"))
	}
	var services, reasons []string
	for _, c := range sick {
		t := s.trouble(ctx, c)
		s.say("\n%s is %s, and said last:", c.Name, t.State)
		for _, line := range t.Lines {
			s.say("  %s", line)
		}
		if len(t.Lines) == 0 {
			s.say("  (nothing)")
		}
		services, reasons = append(services, t.Service), append(reasons, t.Reason)
	}
	slices.Sort(services)
	slices.Sort(reasons) // replicas fail alike
	return fmt.Errorf("%w\n    the logs: SERVICE=%s %s\n    %s", err, strings.Join(slices.Compact(services), ","), s.command("logs"), strings.Join(slices.Compact(reasons), "\n    "))
}

// Trouble is what a container that is not well shows.
type Trouble struct {
	Service, State string
	Reason         string   // in one line
	Lines          []string // that it wrote last
}

// Troubles are those of the containers of a service that are not well.
func (s *Stack) Troubles(ctx context.Context, project, service string) ([]Trouble, error) {
	list, err := s.service(ctx, project, service)
	if err != nil {
		return nil, err
	}
	var all []Trouble
	for _, c := range list {
		if st := status(c, engine.Stats{}, time.Now()); !st.Good() {
			all = append(all, s.trouble(ctx, c))
		}
	}
	return all, nil
}

// linesShown is how much of a log tells why, most of the time.
const linesShown = 15

func (s *Stack) trouble(ctx context.Context, c engine.Container) Trouble {
	t := Trouble{Service: c.Service(), State: status(c, engine.Stats{}, time.Now()).state()}
	err := s.Engine.Logs(ctx, c.ID, engine.LogOptions{Tail: linesShown}, func(l engine.LogLine) error {
		t.Lines = append(t.Lines, run.Redact(l.Text, s.secretValues()...)) // it may become evidence
		return nil
	})
	if err != nil {
		t.Lines = append(t.Lines, err.Error())
	}
	t.Reason = reasonOf(s.Settings, c, t.Lines)
	return t
}

// reasonOf is why a container is not well, in one line, with the setting that it hangs on where
// that is known.
func reasonOf(set *env.Settings, c engine.Container, lines []string) string {
	said := c.Service() + ": "
	if c.State == engine.Paused {
		return said + "it is paused"
	}
	if c.State != engine.Running {
		said += status(c, engine.Stats{}, time.Time{}).Detail
		if c.OOM {
			return said + "; more of it: " + strings.ToUpper(c.Service()) + "_MEMORY"
		}
		for _, line := range slices.Backward(lines) {
			if line = oneLine(line); line != "" {
				return said + "; it said last: " + line
			}
		}
		return said
	}
	check := ""
	if n := len(c.Checks); n > 0 && c.Checks[n-1].ExitCode != 0 {
		check = oneLine(c.Checks[n-1].Output)
	}
	switch {
	case check == "" && c.Health == engine.Starting:
		return said + "its health check did not pass in time"
	case check == "":
		return said + "its health check fails, and says nothing"
	}
	return said + "its health check says: " + check + hangsOn(set, c.Service(), check)
}

// refusing is an answer that says that nothing is there.
var refusing = regexp.MustCompile(`\b[34]\d\d\b`)

// hangsOn names the setting behind what an app's health check says, with its value.
func hangsOn(set *env.Settings, service, check string) string {
	app, prefix := set.Backend, "BACKEND"
	switch service {
	case "backend":
	case "frontend":
		app, prefix = set.Frontend, "FRONTEND"
	default:
		return ""
	}
	switch {
	case strings.Contains(check, "refused") || strings.Contains(check, "nothing answers"):
		return fmt.Sprintf("; %s_PORT is %d, and the app gets it as PORT", prefix, app.Port)
	case refusing.MatchString(check): // what answers 5xx is asked at the right place
		return fmt.Sprintf("; %s_HEALTH_PATH is %s", prefix, app.HealthPath)
	}
	return ""
}

// oneLine is a text in one line of a bearable length.
func oneLine(text string) string {
	const most = 300
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}
