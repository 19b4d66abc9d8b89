package stack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"encoding/json"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/run"
)

// logLine is one line in FORMAT=json.
type logLine struct {
	Time      time.Time `json:"time"`
	Service   string    `json:"service"`
	Container string    `json:"container"`
	Stream    string    `json:"stream"`
	Text      string    `json:"text"`
}

// Logs writes what the containers wrote: SERVICE chooses, SINCE and TAIL bound, MATCH and
// STATUS filter, FOLLOW=1 goes on until it is interrupted, which then is no failure.
func (s *Stack) Logs(ctx context.Context) error {
	o := s.Settings.Options
	since, err := sinceTime(o.Since, time.Now())
	if err != nil {
		return err
	}
	all, err := s.containers(ctx)
	if err != nil {
		return err
	}
	var known []string
	for _, c := range all {
		known = append(known, c.Service())
	}
	for _, want := range o.Service {
		if !slices.Contains(known, want) {
			slices.Sort(known)
			return run.WithCode(run.CodeBadInput, fmt.Errorf("reading logs: there is no service %q; there are: %s", want, strings.Join(slices.Compact(known), ", ")))
		}
	}
	if len(all) == 0 {
		return fmt.Errorf("reading logs: nothing of %s is there; start it: %s", s.Settings.Project, s.command("up"))
	}
	print := s.linePrinter(all)
	wanted := func(l engine.LogLine) bool {
		return (len(o.Service) == 0 || slices.Contains(o.Service, l.Service)) && wantedLine(o, l)
	}
	if !o.Follow {
		_, err := s.pastLogs(ctx, all, since, wanted, print)
		return err
	}
	options := engine.LogOptions{Follow: true, Since: since, Tail: -1}
	var read ends
	switch {
	case o.Tail == 0: // only what comes
		options.Since = time.Now()
	case o.Tail > 0: // of the wanted ones, which takes all that there is
		if read, err = s.pastLogs(ctx, all, since, wanted, print); err != nil {
			return err
		}
		if at := read.earliest(); !at.IsZero() {
			options.Since = at
		}
	}
	fn := func(l engine.LogLine) error {
		if !wanted(l) || read.before(l) {
			return nil
		}
		return print(l)
	}
	err = s.Engine.LogsOf(ctx, engine.Filter{Labels: map[string]string{LabelProject: s.Settings.Project}}, options, fn)
	var signal *run.SignalError
	if errors.As(context.Cause(ctx), &signal) {
		return nil // that is how following ends
	}
	return err
}

// ends is how far each stream was read.
type ends map[stream]time.Time

// stream is one of a container's two, each of which has its lines in the order of time.
type stream struct {
	container string
	stderr    bool
}

func streamOf(l engine.LogLine) stream { return stream{l.Container, l.Stderr} }

// earliest is from when on all of them have more; zero where nothing was read.
func (e ends) earliest() (at time.Time) {
	for _, t := range e {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	return at
}

// before says whether a line was read.
func (e ends) before(l engine.LogLine) bool {
	at, ok := e[streamOf(l)]
	return ok && !l.Time.After(at)
}

// pastLogs gives the wanted lines of all containers in the order of time; TAIL counts those of
// each service that are wanted. It returns how far it has read.
func (s *Stack) pastLogs(ctx context.Context, list []engine.Container, since time.Time, wanted func(engine.LogLine) bool, fn func(engine.LogLine) error) (ends, error) {
	o, read := s.Settings.Options, ends{}
	if o.Tail == 0 {
		return read, nil
	}
	options := engine.LogOptions{Since: since}
	if o.Match == nil && !o.Status.Any() {
		options.Tail = o.Tail // more than that is not read
	}
	var lines []engine.LogLine
	for _, c := range list {
		if len(o.Service) > 0 && !slices.Contains(o.Service, c.Service()) {
			continue
		}
		err := s.Engine.Logs(ctx, c.ID, options, func(l engine.LogLine) error {
			read[streamOf(l)] = l.Time
			if wanted(l) {
				lines = append(lines, l)
			}
			return nil
		})
		if err != nil && !errors.Is(err, engine.ErrNotFound) {
			return nil, err
		}
	}
	slices.SortStableFunc(lines, func(a, b engine.LogLine) int { return a.Time.Compare(b.Time) })
	for _, l := range lastOfEach(lines, o.Tail) {
		if err := fn(l); err != nil {
			return nil, err
		}
	}
	return read, nil
}

// lastOfEach is the last n lines of each service, in their order; all with a negative n.
func lastOfEach(lines []engine.LogLine, n int) []engine.LogLine {
	if n < 0 {
		return lines
	}
	var out []engine.LogLine
	have := map[string]int{}
	for _, l := range slices.Backward(lines) {
		if have[l.Service] < n {
			have[l.Service]++
			out = append(out, l)
		}
	}
	slices.Reverse(out)
	return out
}

func (s *Stack) linePrinter(list []engine.Container) func(engine.LogLine) error {
	if s.Settings.Options.Format == "json" {
		enc := json.NewEncoder(s.Out)
		return func(l engine.LogLine) error {
			stream := "stdout"
			if l.Stderr {
				stream = "stderr"
			}
			return enc.Encode(logLine{l.Time, l.Service, l.Container, stream, l.Text})
		}
	}
	width := 0
	for _, c := range list {
		width = max(width, len(c.Service()))
	}
	var mu sync.Mutex
	return func(l engine.LogLine) error {
		mu.Lock()
		defer mu.Unlock()
		_, err := fmt.Fprintf(s.Out, "%s  %-*s  %s\n", l.Time.Local().Format("15:04:05.000"), width, l.Service, l.Text)
		return err
	}
}

// sinceTime reads SINCE: a duration back from now, or a point in time.
func sinceTime(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, run.WithCode(run.CodeBadInput, fmt.Errorf("reading SINCE: %q is neither a duration (10m) nor a time with its offset (2026-01-31T12:00:00+08:00)", text))
	}
	return t, nil
}

// wantedLine says whether a line passes MATCH and STATUS.
func wantedLine(o env.Options, l engine.LogLine) bool {
	if o.Match != nil && !o.Match.MatchString(l.Text) {
		return false
	}
	if !o.Status.Any() {
		return true
	}
	var request struct {
		Status int `json:"status"`
	}
	// Only the gateway's access log counts; a line that is no JSON is none of it.
	return l.Service == "gateway" && json.Unmarshal([]byte(l.Text), &request) == nil && o.Status.Has(request.Status)
}
