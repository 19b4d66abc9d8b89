package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"drydock/internal/compose"
	"drydock/internal/env"
	"drydock/internal/lease"
	"drydock/internal/run"
)

// Status is how releases stand; the JSON names are stable.
type Status struct {
	Project   string        `json:"project"`
	Env       string        `json:"env"`
	Situation Situation     `json:"now"`
	Shares    []Share       `json:"shares"`
	Lock      *lease.Holder `json:"lock"`       // null: nobody deploys
	Under     *Journal      `json:"unfinished"` // null: nothing; with a dead lock, or none: the next deploy puts it in order
	Kept      []Kept        `json:"kept"`       // newest first
	Rollback  string        `json:"rollback"`   // what deploy:rollback would do
}

// Share is how much of the traffic a colour is given.
type Share struct {
	Colour  compose.Colour `json:"colour"`
	Percent int            `json:"percent"`
}

// Kept is a release that can be gone back to.
type Kept struct {
	ID       string    `json:"id"`
	Version  string    `json:"version"`
	Revision string    `json:"revision,omitempty"`
	Live     time.Time `json:"live"`
	By       string    `json:"by"`
	Where    string    `json:"where"` // serves, warm, stopped or images; and whether a rollback left it
}

// Status looks at everything and changes nothing.
func (d *Deployer) Status(ctx context.Context) (Status, error) {
	now, err := d.look(ctx)
	if err != nil {
		return Status{}, err
	}
	m, err := d.recall(ctx)
	if err != nil {
		return Status{}, err
	}
	h, err := d.holder(ctx)
	if err != nil {
		return Status{}, err
	}
	s := d.Stack.Settings
	return status(s, now, m, h), nil
}

// status is the pure part.
func status(s *env.Settings, now Situation, m memory, h *lease.Holder) Status {
	st := Status{Project: s.Project, Env: s.Env, Situation: now, Lock: h, Under: m.Current, Kept: []Kept{}}
	st.Shares = []Share{{now.Active, 100 - now.Canary}, {now.Active.Other(), now.Canary}}
	active, idle := now.Colour(now.Active), now.Colour(now.Active.Other())
	for _, r := range slices.Backward(m.Releases) {
		k := Kept{ID: r.ID, Version: r.Version, Revision: r.Revision, Live: r.Live, By: r.By, Where: "images"}
		switch {
		case r.ID == active.Release:
			k.Where = "serves"
		case r.ID == idle.Release && idle.Astray:
			k.Where = "listens elsewhere than the gateway asks"
		case r.ID == idle.Release && idle.Well():
			k.Where = "warm"
		case r.ID == idle.Release:
			k.Where = "stopped"
		}
		if r.Left {
			k.Where += ", left by a rollback"
		}
		st.Kept = append(st.Kept, k)
	}
	r, err := chooseRollback(m, now, "")
	switch {
	case err != nil:
		st.Rollback = "nothing: no earlier release is kept"
	case r.ID == idle.Release && idle.Well() && !idle.Astray:
		st.Rollback = fmt.Sprintf("switch to %s, which runs on %s: %s", r, idle.Name, takes(s.Deploy))
	default:
		st.Rollback = fmt.Sprintf("start %s on %s from its images, then switch", r, now.Active.Other())
	}
	return st
}

// checksFor is what the looks at a warm release take besides the time that it has to stay
// healthy for, and the switch.
const checksFor = 5 * time.Second

// takes is how long going back to a warm release takes.
func takes(s env.Deploy) string {
	said := fmt.Sprintf("serves in about %s", s.Stable+checksFor)
	if s.Watch > 0 {
		said += fmt.Sprintf(", then watched for %s", s.Watch)
	}
	return said
}

// ShowStatus writes it. That the colour which serves is not well is a failure, so that a
// script can ask.
func (d *Deployer) ShowStatus(ctx context.Context) error {
	if d.onSwarm() {
		return d.showSwarm(ctx)
	}
	st, err := d.Status(ctx)
	if err != nil {
		return err
	}
	if d.Stack.Settings.Options.Format == "json" {
		err = writeJSON(d.Stack.Out, st)
	} else {
		err = st.WriteText(d.Stack.Out, d.Stack.DeployCommand)
	}
	if err != nil {
		return err
	}
	if active := st.Situation.Colour(st.Situation.Active); !st.Situation.Gateway || !active.Well() || active.Astray {
		return errors.New("what should serve is not well; the reasons: " + d.Stack.Command("status"))
	}
	return nil
}

// WriteText writes it for a person.
func (st Status) WriteText(w io.Writer, command func(string) string) error {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "COLOUR\tTRAFFIC\tVERSION\tRELEASE\tHEALTHY\tRESTARTS")
	for _, sh := range st.Shares {
		c := st.Situation.Colour(sh.Colour)
		if c.Containers == 0 {
			fmt.Fprintf(t, "%s\t%d %%\t-\t-\t-\t-\n", sh.Colour, sh.Percent)
			continue
		}
		release := c.Release
		if c.Mixed {
			release = "MIXED"
		}
		fmt.Fprintf(t, "%s\t%d %%\t%s\t%s\t%d of %d\t%d\n", sh.Colour, sh.Percent, dash(c.Version), dash(release), c.Healthy, c.Containers, c.Restarts)
	}
	_ = t.Flush() // into memory
	if !st.Situation.Gateway {
		b.WriteString("\nThe gateway does not run: nothing is served.\n")
	}
	if st.Situation.Colour(st.Situation.Active).Astray {
		b.WriteString("\nThe live release listens elsewhere than the gateway asks: nothing is served.\n")
	}
	if st.Situation.Maintenance {
		b.WriteString("\nMaintenance is on: every request is answered with 503.\n")
	}
	switch h := st.Lock; {
	case h == nil && st.Under == nil:
		b.WriteString("\nNobody deploys.\n")
	case h == nil:
		fmt.Fprintf(&b, "\nUNFINISHED: %s of %s, at the step %q. The next deploy puts that in order.\n", st.Under.Kind, st.Under.Release, st.Under.Step)
	case h.Alive:
		fmt.Fprintf(&b, "\nAt work: %s", h)
		if st.Under != nil && h.Kind == string(st.Under.Kind) {
			fmt.Fprintf(&b, ", at the step %q since %s", st.Under.Step, st.Under.Since.Local().Format(time.TimeOnly))
		}
		b.WriteString(".\n")
	default:
		fmt.Fprintf(&b, "\nDEAD: who was at work has died: %s", h)
		if st.Under != nil {
			fmt.Fprintf(&b, ", at the step %q", st.Under.Step)
		}
		next := "The next deploy puts that in order"
		if h.Kind == lease.Restore {
			next = "Restore again (" + command("backup:restore") + ")"
		}
		fmt.Fprintf(&b, ". %s; to remove only its lock: %s\n", next, command("deploy:unlock"))
	}
	if len(st.Kept) > 0 {
		b.WriteByte('\n')
		t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "KEPT\tRELEASE\tLIVE\tBY\tIS")
		for _, k := range st.Kept {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", k.Version, k.ID, k.Live.Local().Format(time.DateTime), k.By, k.Where)
		}
		_ = t.Flush()
	}
	fmt.Fprintf(&b, "\ndeploy:rollback would do: %s\n", st.Rollback)
	_, err := io.WriteString(w, b.String())
	return err
}

// History is what was done, oldest first.
func (d *Deployer) History(ctx context.Context) (History, error) {
	m, err := d.recall(ctx)
	return m.History, err
}

// ShowHistory writes what was done, newest first.
func (d *Deployer) ShowHistory(ctx context.Context) error {
	m, err := d.recall(ctx)
	if err != nil {
		return err
	}
	if d.Stack.Settings.Options.Format == "json" {
		if m.History == nil {
			m.History = History{}
		}
		return writeJSON(d.Stack.Out, m.History)
	}
	return m.History.WriteText(d.Stack.Out)
}

// WriteText writes it for a person, newest first.
func (h History) WriteText(w io.Writer) error {
	if len(h) == 0 {
		_, err := fmt.Fprintln(w, "nothing has been deployed yet")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STARTED\tWHAT\tVERSION\tOUTCOME\tBY\tTOOK\tCHANGES\tPHASES")
	for _, r := range slices.Backward(h) {
		var phases []string
		for _, p := range r.Phases {
			if p.MS >= 100 {
				phases = append(phases, fmt.Sprintf("%s %s", p.Step, (time.Duration(p.MS)*time.Millisecond).Round(100*time.Millisecond)))
			}
		}
		changes := "-"
		if r.FromRev != "" && r.Revision != "" && r.FromRev != r.Revision {
			changes = fmt.Sprintf("%.10s..%.10s", r.FromRev, r.Revision)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s@%s\t%s\t%s\t%s\n", r.Started.Local().Format(time.DateTime), r.Kind, r.Version, r.Outcome, r.By, r.Host,
			(time.Duration(r.MS) * time.Millisecond).Round(100*time.Millisecond), changes, dash(strings.Join(phases, ", ")))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, r := range slices.Backward(h) {
		if r.Saved != "" {
			if _, err := fmt.Fprintf(w, "\nThe database as it was before %s: %s\n", r.Version, strings.TrimPrefix(r.Saved, savedWords)); err != nil {
				return err
			}
			break // later ones hold what was written since
		}
	}
	for _, r := range slices.Backward(h) {
		if r.Error != "" {
			_, err := fmt.Fprintf(w, "\n%s, %s: %s\n", r.Started.Local().Format(time.DateTime), r.Version, r.Error)
			return err // the newest one is what people look for; FORMAT=json has all
		}
	}
	return nil
}

// Unlock removes the lock of a deploy that has died. One that lives is only removed
// after a person has said so.
func (d *Deployer) Unlock(ctx context.Context) error {
	h, err := d.holder(ctx)
	if err != nil {
		return err
	}
	if h == nil {
		_, err := fmt.Fprintln(d.Stack.Out, "there is no lock")
		return err
	}
	if h.Alive && !d.Stack.Settings.Options.Yes {
		return run.WithCode(run.CodeBusy, fmt.Errorf("the lock is held by somebody who lives: %s; stop that there with Ctrl-C, which undoes it, or, if that cannot be reached, YES=1 %s", h, d.Stack.DeployCommand("deploy:unlock")))
	}
	// By its id: what was looked at, and not what came after it.
	if err := d.Stack.Engine.Remove(ctx, h.Container); err != nil {
		return err
	}
	_, err = fmt.Fprintf(d.Stack.Out, "removed the lock of %s; what it left is put in order by the next deploy\n", h)
	return err
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
