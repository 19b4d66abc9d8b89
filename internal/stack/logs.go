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
	tail := o.Tail
	if tail == 0 {
		return nil
	}
	print := s.linePrinter(all)
	options := engine.LogOptions{Follow: o.Follow, Since: since, Tail: tail}
	fn := func(l engine.LogLine) error {
		if len(o.Service) > 0 && !slices.Contains(o.Service, l.Service) || !wantedLine(o, l) {
			return nil
		}
		return print(l)
	}
	if !o.Follow {
		return s.pastLogs(ctx, all, options, fn)
	}
	err = s.Engine.LogsOf(ctx, engine.Filter{Labels: map[string]string{LabelProject: s.Settings.Project}}, options, fn)
	var signal *run.SignalError
	if errors.As(context.Cause(ctx), &signal) {
		return nil // that is how following ends
	}
	return err
}

// pastLogs gives the lines of all containers in the order of time.
func (s *Stack) pastLogs(ctx context.Context, list []engine.Container, o engine.LogOptions, fn func(engine.LogLine) error) error {
	var lines []engine.LogLine
	for _, c := range list {
		err := s.Engine.Logs(ctx, c.ID, o, func(l engine.LogLine) error {
			lines = append(lines, l)
			return nil
		})
		if err != nil && !errors.Is(err, engine.ErrNotFound) {
			return err
		}
	}
	slices.SortStableFunc(lines, func(a, b engine.LogLine) int { return a.Time.Compare(b.Time) })
	for _, l := range lines {
		if err := fn(l); err != nil {
			return err
		}
	}
	return nil
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
