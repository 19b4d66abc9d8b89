package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"drydock/internal/engine"
	"drydock/internal/gateway/render"
	"drydock/internal/run"
)

// This file is what a deploy asks of a running gateway.

// Check has nginx check the checkout's configuration with the settings of this
// environment, in a container of its own. Nothing that runs is touched.
func (g *Gateway) Check(ctx context.Context) error {
	source, err := Source(g.Settings.Root)
	if err != nil {
		return err
	}
	r, err := g.validate(ctx, source, g.Settings)
	if err != nil {
		return err
	}
	if r.Problem != "" {
		return run.WithCode(run.CodeBadInput, fmt.Errorf("nginx refuses the configuration\n%s", strings.TrimRight(r.Problem, "\n")))
	}
	return nil
}

// Canary sends a part of the clients, in per cent, to the colour that is not active; 0
// ends it.
func (l *Live) Canary(ctx context.Context, c render.Colour, percent int) error {
	args := []string{"canary", string(c), strconv.Itoa(percent)}
	if percent == 0 {
		args = []string{"canary", "off"}
	}
	_, err := l.call(ctx, nil, args...)
	return err
}

// Window is how a colour did in the last seconds.
type Window struct {
	Colour   string  `json:"colour"`
	Seconds  int     `json:"seconds"`
	Requests uint64  `json:"requests"`
	Errors   uint64  `json:"errors"` // status 5xx
	P50      float64 `json:"p50_ms"`
	P90      float64 `json:"p90_ms"`
	P99      float64 `json:"p99_ms"`
}

// Window asks for the last seconds, 1 to 300, of a colour.
func (l *Live) Window(ctx context.Context, c render.Colour, seconds int) (Window, error) {
	text, err := l.call(ctx, nil, "window", "--colour="+string(c), "--seconds="+strconv.Itoa(min(max(seconds, 1), 300)))
	if err != nil {
		return Window{}, err
	}
	var w Window
	if err := json.Unmarshal([]byte(text), &w); err != nil {
		return Window{}, fmt.Errorf("reading the gateway's window: %w", err)
	}
	return w, nil
}

// Get asks the site from inside the gateway; preview asks the colour that is not active.
// An answer that is neither 2xx nor 3xx is an error, and so is none.
func (l *Live) Get(ctx context.Context, path string, preview bool) (string, error) {
	args := []string{"gateway", "get", path}
	if preview {
		args = []string{"gateway", "get", "--preview", path}
	}
	var out, errs bytes.Buffer
	err := l.Engine.Exec(ctx, l.Container, engine.Command{Cmd: args, Streams: engine.Streams{Out: &out, Err: &errs}})
	var exit *engine.ExitError
	if errors.As(err, &exit) {
		lines := strings.Split(strings.TrimSpace(errs.String()), "\n")
		err = errors.New(strings.TrimPrefix(lines[len(lines)-1], "gateway: "))
		if body := strings.TrimSpace(out.String()); body != "" {
			err = fmt.Errorf("%w: %.300s", err, body)
		}
	}
	return out.String(), err
}

// Workers counts nginx's workers: those that take requests, and those of earlier
// generations that finish what they have.
type Workers struct {
	New     int       `json:"new"`
	Old     int       `json:"old"`
	Changed time.Time `json:"changed"` // when the generation that serves began; zero: at the start

	// Confirm is how long that took, from the signal until the new workers answered.
	Confirm time.Duration `json:"confirm"`
	Pushed  string        `json:"pushed"` // hash of a configuration that was loaded; "" is the image's own
}

// Workers asks for them.
func (l *Live) Workers(ctx context.Context) (Workers, error) {
	text, err := l.call(ctx, nil, "state", "--json")
	if err != nil {
		return Workers{}, err
	}
	var s struct {
		Workers    Workers `json:"workers"`
		LastReload *struct {
			At      time.Time     `json:"at"`
			Confirm time.Duration `json:"confirm_ns"`
		} `json:"last_reload"`
		Pushed *struct {
			SHA256 string `json:"sha256"`
		} `json:"pushed"`
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return Workers{}, fmt.Errorf("reading the gateway's state: %w", err)
	}
	if s.LastReload != nil {
		s.Workers.Changed, s.Workers.Confirm = s.LastReload.At, s.LastReload.Confirm
	}
	if s.Pushed != nil {
		s.Workers.Pushed = s.Pushed.SHA256
	}
	return s.Workers, nil
}

// Sum identifies a configuration as the supervisor does when it is loaded.
func (t Tree) Sum() string {
	names := slices.Collect(maps.Keys(t))
	// As a walk through folders meets them: a folder's files come where its name does.
	key := func(name string) string { return strings.ReplaceAll(name, "/", "\x00") }
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(key(a), key(b)) })
	sum := sha256.New()
	for _, name := range names {
		fmt.Fprintf(sum, "%d %s %d\n", len(name), name, len(t[name]))
		sum.Write(t[name])
	}
	return hex.EncodeToString(sum.Sum(nil))
}
