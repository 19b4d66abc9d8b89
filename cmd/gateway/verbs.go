package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"drydock/internal/gateway/supervisor"
)

func (c command) change(ctx context.Context, a arguments) error {
	return c.post(ctx, "/switch", url.Values{"colour": {a.words[0]}, "force": {a.flags["force"]}}, nil)
}

func (c command) canary(ctx context.Context, a arguments) error {
	values := url.Values{"force": {a.flags["force"]}}
	switch {
	case len(a.words) == 1 && a.words[0] == "off":
		values.Set("percent", "0")
	case len(a.words) == 2:
		values.Set("colour", a.words[0])
		values.Set("percent", strings.TrimSuffix(a.words[1], "%"))
	default:
		return supervisor.WithCode(supervisor.CodeUsage, fmt.Errorf("canary needs a colour and per cent, or off"))
	}
	return c.post(ctx, "/canary", values, nil)
}

// turn prints the right to make changes: given in GATEWAY_TURN to the verbs that make some, it
// has them refused when somebody else has asked for one since.
func (c command) turn(ctx context.Context, _ arguments) error {
	text, err := c.client().Post(ctx, "/turn", nil, nil)
	if err != nil {
		return err
	}
	return c.print(strings.TrimSpace(string(text)))
}

func (c command) reload(ctx context.Context, _ arguments) error {
	return c.post(ctx, "/reload", nil, nil)
}

func (c command) load(ctx context.Context, a arguments) error {
	if a.flags["reset"] != "" {
		return c.post(ctx, "/unload", nil, nil)
	}
	return c.post(ctx, "/load", nil, c.in)
}

// result prints what came of a reload.
func (c command) result(text []byte) error {
	var r supervisor.Result
	if err := json.Unmarshal(text, &r); err != nil {
		return fmt.Errorf("reading the supervisor's answer: %w", err)
	}
	if r.Warning != "" {
		fmt.Fprintln(c.err, "gateway:", r.Warning)
	}
	ms := func(d time.Duration) string { return d.Round(time.Millisecond).String() }
	return c.print(fmt.Sprintf("generation %d serves: %s (tested in %s, confirmed after %s, watched until %s)",
		r.Generation, r.Reason, ms(r.Test), ms(r.Confirm), ms(r.Total)))
}

func (c command) maintenance(ctx context.Context, a arguments) error {
	var text []byte
	var err error
	switch word := a.words[0]; {
	case word == "on":
		text, err = c.client().Post(ctx, "/maintenance", url.Values{"on": {"true"}, "reason": {strings.Join(a.words[1:], " ")}}, nil)
	case word == "off" && len(a.words) == 1:
		text, err = c.client().Post(ctx, "/maintenance", url.Values{"on": {"false"}}, nil)
	case word == "status" && len(a.words) == 1:
		text, err = c.client().Get(ctx, "/maintenance")
	default:
		return supervisor.WithCode(supervisor.CodeUsage, fmt.Errorf("maintenance is on, off or status, not %q", strings.Join(a.words, " ")))
	}
	if err != nil {
		return err
	}
	var v supervisor.MaintenanceView
	if err := json.Unmarshal(text, &v); err != nil {
		return fmt.Errorf("reading the supervisor's answer: %w", err)
	}
	return c.print(map[bool]string{true: "on", false: "off"}[v.On])
}

func (c command) window(ctx context.Context, a arguments) error {
	values := url.Values{}
	for name, value := range a.flags {
		values.Set(name, value)
	}
	text, err := c.client().Get(ctx, "/window?"+values.Encode())
	if err != nil {
		return err
	}
	return c.print(strings.TrimSpace(string(text)))
}

func (c command) state(ctx context.Context, a arguments) error {
	text, err := c.client().Get(ctx, "/state")
	if err != nil {
		return err
	}
	if a.flags["json"] != "" {
		return c.print(strings.TrimSpace(string(text)))
	}
	var v supervisor.View
	if err := json.Unmarshal(text, &v); err != nil {
		return fmt.Errorf("reading the supervisor's answer: %w", err)
	}
	return c.print(describe(v))
}

// describeRenewal is nothing while all is well, as it mostly is.
func describeRenewal(r supervisor.Renewal) string {
	text := ""
	if r.Placeholder {
		text += " (a placeholder: browsers warn)"
	}
	if !r.Failed {
		return text
	}
	text += "\nrenewal: FAILED"
	if r.Failures > 1 {
		text += fmt.Sprintf(" %d times in a row", r.Failures)
	}
	if r.LastAttempt != nil {
		text += ", last at " + r.LastAttempt.Format(time.DateTime)
	}
	if r.NextAttempt != nil {
		text += ", next at " + r.NextAttempt.Format(time.DateTime)
	}
	return text + ": " + r.Error
}

// describe is the state for people.
func describe(v supervisor.View) string {
	var b strings.Builder
	fmt.Fprintf(&b, "generation %d, %s is active", v.Generation, v.Active)
	if v.Doubtful() {
		b.WriteString(" (ASSUMED: the state is lost and both colours are there; up, or a deploy, finds out which one is live)")
	}
	if v.Canary != nil {
		fmt.Fprintf(&b, ", canary of %d%% to %s", v.Canary.Percent, v.Canary.Colour)
	}
	if v.Maintenance {
		b.WriteString(", MAINTENANCE")
	}
	if v.Pushed != nil {
		fmt.Fprintf(&b, ", configuration %.12s loaded %s", v.Pushed.SHA256, v.Pushed.At.Format(time.DateTime))
	}
	fmt.Fprintf(&b, "\nworkers: %d, and %d of earlier generations\n", v.Workers.New, v.Workers.Old)
	for _, p := range v.Pools {
		fmt.Fprintf(&b, "%-15s %s", p.Name, p.Mode)
		for _, m := range p.Members {
			fmt.Fprintf(&b, "  %s", m.Addr)
			if !m.Healthy {
				fmt.Fprintf(&b, " unhealthy (%s)", m.Error)
			}
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "tls: %s", v.Certificate.TLS)
	if v.Certificate.Expires != nil {
		fmt.Fprintf(&b, ", until %s", v.Certificate.Expires.Format(time.DateTime))
	}
	if v.Certificate.Error != "" {
		fmt.Fprintf(&b, ", NOT READ: %s", v.Certificate.Error)
	}
	if r := v.Certificate.Renewal; r != nil {
		b.WriteString(describeRenewal(*r))
	}
	if r := v.LastReload; r != nil {
		fmt.Fprintf(&b, "\nlast reload: %s, generation %d, %s", r.At.Format(time.DateTime), r.Generation, r.Reason)
		if r.Error != "" {
			fmt.Fprintf(&b, ", FAILED: %s", r.Error)
		}
	}
	return b.String()
}
