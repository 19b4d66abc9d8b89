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
	"strings"
	"time"

	"drydock/internal/aside"
	"drydock/internal/backup/remote"
	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/run"
	"drydock/internal/stack"
)

// Bounds of what a drill waits for.
const (
	dataTimeout    = 3 * time.Minute
	backendTimeout = 5 * time.Minute
	cleanTimeout   = 2 * time.Minute
)

// Drill is a drill for one environment.
type Drill struct {
	Settings *env.Settings
	Engine   *engine.Client
	Out, Err io.Writer
	Labels   map[string]string // put on everything that is made
}

// Run restores the newest good dump, or the one that BACKUP names, and writes what it
// found to Out and to .drydock/drills/. A check that fails is an error, after the evidence
// was written; a backup that passed is marked as proven.
func (d *Drill) Run(ctx context.Context) error {
	b, err := d.choose(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	e := &Evidence{
		ID: now.UTC().Format("20060102T150405Z") + "-" + strings.ToLower(rand.Text()[:6]), Project: d.Settings.Project, Env: d.Settings.Env,
		Backup: b.ID, Made: b.Finished, Size: b.OnDisk, Started: now,
	}
	err = d.drill(ctx, e, b)
	if err != nil {
		e.Error = err.Error()
	}
	e.Passed = err == nil && len(e.failed()) == 0
	path := d.Settings.Path(filepath.Join(".drydock", "drills", e.ID+".json"))
	if writeErr := d.keep(path, e); writeErr != nil {
		return errors.Join(err, writeErr)
	}
	if writeErr := e.Write(d.Out, d.Settings.Options.Format); writeErr != nil {
		return errors.Join(err, writeErr)
	}
	switch {
	case err != nil:
		return fmt.Errorf("the restore drill of backup %s did not come to its end: %w", b.ID, err)
	case !e.Passed:
		return fmt.Errorf("the restore drill of backup %s failed: %s; the evidence is in %s", b.ID, strings.Join(e.failed(), ", "), path)
	}
	live := d.remote(nil)
	return live.Proven(ctx, b.ID, e.ID, e.Took(), path)
}

func (d *Drill) keep(path string, e *Evidence) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("keeping the evidence: %w", err)
	}
	return aside.Write(path, 0o600, func(w io.Writer) error { return e.Write(w, "json") })
}

// remote is the live backup service.
func (d *Drill) remote(out io.Writer) *remote.Remote {
	settings := *d.Settings
	settings.Options.Format = "json"
	return &remote.Remote{Settings: &settings, Engine: d.Engine, Out: out, Err: d.Err}
}

// listed is what is read of `backup:list`.
type listed struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"`
	Database string    `json:"database"`
	Finished time.Time `json:"finished"`
	OnDisk   int64     `json:"on_disk"`
	Damaged  *struct {
		Reason string `json:"reason"`
	} `json:"damaged"`
}

func (d *Drill) choose(ctx context.Context) (listed, error) {
	var out bytes.Buffer
	if err := d.remote(&out).List(ctx); err != nil {
		return listed{}, err
	}
	var all struct {
		Backups []listed `json:"backups"`
	}
	if err := json.Unmarshal(out.Bytes(), &all); err != nil {
		return listed{}, fmt.Errorf("reading the list of backups: %w", err)
	}
	b, err := pick(all.Backups, d.Settings.Options.Backup, d.Settings.Database.Name)
	if err != nil {
		return listed{}, run.WithCode(run.CodeBadInput, err)
	}
	return b, nil
}

// pick is the backup that is drilled. One that is wanted by its id is taken even when it is
// marked as damaged: the drill says what is wrong with it.
func pick(list []listed, want, database string) (listed, error) {
	for i := len(list) - 1; i >= 0; i-- {
		b := list[i]
		if want != "" && (b.ID == want || strings.TrimLeft(strings.SplitN(b.ID, "-", 2)[0], "0") == want) {
			return b, nil
		}
		if want == "" && b.Kind == "dump" && b.Database == database && b.Damaged == nil {
			return b, nil
		}
	}
	if want != "" {
		return listed{}, fmt.Errorf("there is no backup %q; `backup:list` shows what there is", want)
	}
	return listed{}, errors.New("there is no good dump to drill with; make one: backup:dump")
}

// drill does the steps. Whatever happens, the scratch stack goes.
func (d *Drill) drill(ctx context.Context, e *Evidence, b listed) (err error) {
	s := d.scratch()
	if err := s.clean(ctx); err != nil { // what a drill left that was killed
		return err
	}
	defer func() { err = errors.Join(err, s.clean(ctx)) }()

	var v compose.Values
	steps := []struct {
		name string
		do   func() error
	}{
		{"preparing images and secrets", func() error {
			v, err = s.ReleaseValues(ctx, compose.Blue)
			v.Isolated = true
			return err
		}},
		{"starting PostgreSQL and Redis", func() error { return s.data(ctx, v) }},
		{"restoring and comparing", func() error { return s.restore(ctx, e, v, b) }},
		{"checking every index and table", func() error { return s.amcheck(ctx, e) }},
		{"reading and writing", func() error { return s.readAndWrite(ctx, e) }},
		{"starting the backend on it", func() error { return s.backend(ctx, e, v) }},
	}
	for _, step := range steps {
		_, _ = fmt.Fprintf(d.Err, "restore drill: %s\n", step.name) // narration
		begin := time.Now()
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		e.Phases = append(e.Phases, Phase{step.name, time.Since(begin).Seconds()})
		if len(e.failed()) > 0 {
			return nil // the rest would only repeat it
		}
	}
	return nil
}

// scratch is the stack that is restored into.
func (d *Drill) scratch() *scratch {
	settings := *d.Settings
	settings.Project = d.Settings.Project + "-drill"
	settings.Mode = env.Prod // production's images, nothing published
	settings.Backend.Replicas = 1
	settings.Options = env.Options{Plain: true, Volumes: true, Yes: true}
	return &scratch{
		Stack: &stack.Stack{Settings: &settings, Engine: d.Engine, In: strings.NewReader(""), Out: io.Discard, Err: d.Err, Labels: d.Labels},
		live:  d.Settings.Project,
	}
}
