package drill

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"drydock/internal/aside"
	"drydock/internal/backup/remote"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/lease"
	"drydock/internal/notify"
	"drydock/internal/run"
	"drydock/internal/stack"
)

// Drill is a drill for one environment.
type Drill struct {
	Settings *env.Settings
	Engine   *engine.Client
	Out, Err io.Writer
	Labels   map[string]string // put on everything that is made

	hook func(step string) // tests interfere before a step
}

// Run restores the newest good backups, or the one that BACKUP names, and writes what it
// found to Out, to .drydock/drills/ (JSON and a page), and beside the backups. A check that
// fails is an error that names it, after the evidence was written; what passed is marked as
// proven, also when another part failed.
func (d *Drill) Run(ctx context.Context) error {
	parts, err := d.parts(ctx)
	if err != nil {
		return err
	}
	// Another one would take this one's scratch stack for a dead one's.
	lock, err := d.lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Release()
	ctx, stop := lock.Guard(ctx)
	defer stop(nil)
	now := time.Now()
	e := &Evidence{
		ID:      now.UTC().Format("20060102T150405Z") + "-" + strings.ToLower(rand.Text()[:6]),
		Project: d.Settings.Project, Env: d.Settings.Env, Started: now.UTC(),
	}
	err = d.drill(ctx, e, parts)
	if err != nil {
		e.Error = err.Error()
	}
	e.Finished = time.Now().UTC()
	e.Passed = err == nil && len(e.failed()) == 0
	return d.conclude(context.WithoutCancel(ctx), e, err)
}

// lock takes the lease of drills; somebody else's drill is an error that names them.
func (d *Drill) lock(ctx context.Context) (*lease.Lease, error) {
	project := d.Settings.Project
	list, err := d.Engine.Containers(ctx, engine.OfService(project, "backup", engine.Running))
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, run.WithCode(run.CodeMissing, fmt.Errorf("the backup service of %s does not run any more", project))
	}
	l, dead, err := lease.Take(ctx, d.Engine, lease.Spec{
		Name: stack.DrillLockName(project), Image: list[0].ImageID, Labels: (&stack.Stack{Settings: d.Settings, Labels: d.Labels}).ObjectLabels(),
		Holder: lease.Me(d.Settings.Deploy.By, lease.Drill, d.Settings.Options.Backup),
	})
	if dead != nil {
		_, _ = fmt.Fprintf(d.Err, "restore drill: the last one has died (%s)\n", dead) // narration
	}
	return l, err
}

// keepTimeout bounds what is done with the evidence after a drill that was cut off.
const keepTimeout = time.Minute

// conclude keeps the evidence and says what it comes to.
func (d *Drill) conclude(ctx context.Context, e *Evidence, err error) error {
	ctx, cancel := context.WithTimeout(ctx, keepTimeout)
	defer cancel()
	path, keepErr := d.keep(ctx, e)
	if writeErr := e.Write(d.Out, d.Settings.Options.Format); writeErr != nil {
		keepErr = errors.Join(keepErr, writeErr)
	}
	switch failed := e.failed(); {
	case len(failed) > 0:
		err = fmt.Errorf("the restore drill failed: %s; the evidence is in %s", strings.Join(failed, ", "), path)
	case err != nil:
		err = fmt.Errorf("the restore drill did not come to its end: %w", err)
	}
	err = errors.Join(err, keepErr)
	if tellErr := d.tell(ctx, e, err); tellErr != nil {
		return errors.Join(err, tellErr)
	}
	if d.Settings.Backup.Webhook != "" {
		err = notify.Told(err)
	}
	return err
}

// tell sends what a drill came to to BACKUP_WEBHOOK: who waits for it is rarely there when it ends.
func (d *Drill) tell(ctx context.Context, e *Evidence, failed error) error {
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("telling what the drill came to: %w", err)
	}
	secrets := []string{d.Settings.Database.Password.Reveal(), d.Settings.Redis.Password.Reveal()}
	proxy, err := d.Settings.WebhookProxy(d.Settings.Backup.Webhook)
	if err != nil {
		return err
	}
	sender, err := notify.New(notify.Config{
		Proxy: proxy, URL: d.Settings.Backup.Webhook.Reveal(), Setting: "BACKUP_WEBHOOK", Project: e.Project, Env: e.Env, Host: host, Secrets: secrets,
	})
	if err != nil {
		return err
	}
	event := notify.Event{Event: notify.DrillPassed, Kind: "drill", Time: e.Finished, Duration: e.Finished.Sub(e.Started)}
	if failed != nil {
		event.Event, event.Error, event.Next = notify.DrillFailed, failed.Error(), "look at the page of the drill, .drydock/drills/"+e.ID+".html"
	}
	return errors.Join(sender.Send(ctx, event), sender.Close(ctx))
}

// keep writes the evidence on this machine and beside the backups. It returns the page.
func (d *Drill) keep(ctx context.Context, e *Evidence) (string, error) {
	past, err := d.past(ctx)
	dir := d.folder()
	if mkErr := os.MkdirAll(dir, 0o700); mkErr != nil {
		return dir, errors.Join(err, fmt.Errorf("keeping the evidence: %w", mkErr))
	}
	base := filepath.Join(dir, e.ID)
	write := func(path string, render func(io.Writer) error) {
		if writeErr := aside.Write(path, 0o600, render); writeErr != nil {
			err = errors.Join(err, fmt.Errorf("keeping the evidence: %w", writeErr))
		}
	}
	write(base+".json", func(w io.Writer) error { return e.Write(w, "json") })
	write(base+".html", func(w io.Writer) error { return e.Page(w, past) })
	write(filepath.Join(dir, "latest.html"), func(w io.Writer) error { return e.Page(w, past) })
	var text bytes.Buffer
	err = errors.Join(err, e.Write(&text, "json"))
	if keepErr := d.remote(nil).Drilled(ctx, text.Bytes()); keepErr != nil {
		err = errors.Join(err, fmt.Errorf("keeping the evidence beside the backups, and marking what is proven: %w", keepErr))
	}
	return base + ".html", err
}

func (d *Drill) folder() string { return d.Settings.Path(filepath.Join(".drydock", "drills")) }

// remote is the live backup service.
func (d *Drill) remote(out io.Writer) *remote.Remote {
	settings := *d.Settings
	settings.Options = env.Options{Format: "json", Host: d.Settings.Options.Host}
	return &remote.Remote{Settings: &settings, Engine: d.Engine, Out: out, Err: d.Err}
}

// drill restores each part. Whatever happens, the scratch stack goes.
func (d *Drill) drill(ctx context.Context, e *Evidence, parts []part) error {
	lost := d.lossMoment(ctx, e.Started)
	settings := *d.Settings
	from, err := (&stack.Stack{Settings: &settings, Engine: d.Engine, Err: d.Err}).Serving(ctx)
	if err != nil {
		return err
	}
	archived := slices.ContainsFunc(parts, func(p part) bool { return p.physical })
	for _, p := range parts {
		e.Parts = append(e.Parts, p.evidence)
		if err := d.one(ctx, p, from, lost, archived && !p.physical); err != nil {
			return fmt.Errorf("%s: %w", p.evidence.Name, err)
		}
	}
	return nil
}

// one drills one part in a scratch stack of its own, with the backend of the release that serves,
// if there is one; spared is a part that the budget of loss is not about.
func (d *Drill) one(ctx context.Context, p part, from *stack.Serving, lost moment, spared bool) (err error) {
	s := d.scratch(p.evidence, from)
	s.lost, s.spared = lost, spared
	s.newest = func(ctx context.Context) moment { return d.lossMoment(ctx, lost.at) }
	if err := s.clean(ctx); err != nil { // what a drill left that was killed
		return err
	}
	defer func() { err = errors.Join(err, s.clean(ctx)) }()
	for _, step := range p.steps(s) {
		_, _ = fmt.Fprintf(d.Err, "restore drill, %s: %s\n", p.evidence.Name, step.name) // narration
		if d.hook != nil {
			d.hook(p.evidence.Name + ": " + step.name)
		}
		begin := time.Now()
		err := step.do(ctx)
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w", step.name, errors.Join(context.Cause(ctx), err))
		}
		if err != nil { // what stops a drill fails it, and has a name, too
			p.evidence.check(step.name, false, last(err.Error()))
		}
		took := time.Since(begin).Seconds()
		p.evidence.Phases = append(p.evidence.Phases, Phase{step.name, took, step.recovery})
		if step.recovery {
			p.evidence.Recovery += took
		}
		if len(p.evidence.failed()) > 0 {
			return nil // the rest would only repeat it
		}
	}
	p.evidence.Passed = true
	return nil
}

// moment is the last sign of life of the live database, and how it is known.
type moment struct {
	at time.Time
	by string
}

// lossMoment asks for the newest heartbeat. A live database that does not answer is what
// drills are for: then it is lost now.
func (d *Drill) lossMoment(ctx context.Context, now time.Time) moment {
	at, err := d.remote(nil).Heartbeat(ctx)
	if err != nil || at == nil {
		if err != nil {
			_, _ = fmt.Fprintf(d.Err, "the live database's heartbeat cannot be read: %v\n", err) // narration
		}
		return moment{now, "clock"}
	}
	return moment{*at, "heartbeat"}
}

// past is the evidence of earlier drills: beside the backups, and on this machine.
func (d *Drill) past(ctx context.Context) ([]*Evidence, error) {
	text, err := d.remote(nil).Drills(ctx)
	var list []json.RawMessage
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil {
		_, _ = fmt.Fprintf(d.Err, "the evidence of past drills cannot be read: %v\n", err) // narration; the page then has fewer
	}
	files, globErr := filepath.Glob(filepath.Join(d.folder(), "*.json"))
	for _, f := range files {
		text, readErr := os.ReadFile(f)
		if readErr != nil {
			return nil, fmt.Errorf("reading the evidence of a past drill: %w", readErr)
		}
		list = append(list, text)
	}
	return history(list), globErr
}
