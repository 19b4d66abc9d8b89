// Package remote reaches the backup service from an operator's machine: it runs the
// service's own program inside its container, through the engine, here or elsewhere.
//
// It owns how targets and their options become that program's words, and how its exit
// codes become ours. What the words do is the service's work (package backup).
package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/run"
)

// Remote is the backup service of one environment.
type Remote struct {
	Settings *env.Settings
	Engine   *engine.Client
	Out, Err io.Writer
}

// Dump dumps the database now and prints the backup's id.
func (r *Remote) Dump(ctx context.Context) error { return r.call(ctx, "dump") }

// Copy makes a physical backup of a level (full, differential, incremental) and prints the ids.
func (r *Remote) Copy(ctx context.Context, level string) error { return r.call(ctx, level) }

// List shows the backups.
func (r *Remote) List(ctx context.Context) error { return r.call(ctx, "list", r.format()...) }

// Verify reads every backup again, or the one that BACKUP names.
func (r *Remote) Verify(ctx context.Context) error {
	if id := r.Settings.Options.Backup; id != "" {
		return r.call(ctx, "verify", id)
	}
	return r.call(ctx, "verify")
}

// Fetch brings back from S3 what BACKUP names, or the newest dump and configuration.
func (r *Remote) Fetch(ctx context.Context) error {
	words := r.format()
	if id := r.Settings.Options.Backup; id != "" {
		words = append(words, "--id="+id)
	}
	return r.call(ctx, "bring", words...)
}

// Prune removes what the retention settings say; DRY_RUN shows it.
func (r *Remote) Prune(ctx context.Context) error {
	words := r.format()
	if r.Settings.Options.DryRun {
		words = append(words, "--dry-run")
	}
	return r.call(ctx, "prune", words...)
}

// Remove takes away the backup that BACKUP names; DRY_RUN only says whether it may go.
func (r *Remote) Remove(ctx context.Context) error {
	var words []string
	if r.Settings.Options.DryRun {
		words = append(words, "--dry-run")
	}
	return r.call(ctx, "remove", append(words, r.Settings.Options.Backup)...)
}

// Restore restores a dump beside the live database, or where the options say.
func (r *Remote) Restore(ctx context.Context) error {
	words, err := restoreWords(r.Settings.Options)
	if err != nil {
		return err
	}
	return r.call(ctx, "restore", append(r.format(), words...)...)
}

// restoreWords are the service's words for the options.
func restoreWords(o env.Options) (words []string, err error) {
	if o.Replace && o.Database == "" {
		return nil, run.WithCode(run.CodeBadInput, errors.New("REPLACE=1 takes the place of a database: say which one, DATABASE=name"))
	}
	if o.Replace && len(o.Tables) > 0 {
		return nil, run.WithCode(run.CodeBadInput, errors.New("REPLACE=1 is about a whole database, TABLES about some of its tables: give one of them"))
	}
	for flag, value := range map[string]string{"id": o.Backup, "database": o.Database, "tables": strings.Join(o.Tables, ",")} {
		if value != "" {
			words = append(words, "--"+flag+"="+value)
		}
	}
	if o.Replace {
		words = append(words, "--replace")
	}
	return words, nil
}

func (r *Remote) format() []string {
	if r.Settings.Options.Format == "json" {
		return []string{"--json"}
	}
	return nil
}

func (r *Remote) call(ctx context.Context, verb string, words ...string) error {
	return r.pipe(ctx, nil, r.Out, verb, words...)
}

// pipe is call with other ends.
func (r *Remote) pipe(ctx context.Context, in io.Reader, out io.Writer, verb string, words ...string) error {
	list, err := r.Engine.Containers(ctx, engine.OfService(r.Settings.Project, "backup", engine.Running))
	if err != nil {
		return err
	}
	if len(list) == 0 {
		up := "go tool mage up"
		if r.Settings.Env != "dev" {
			up = "ENV=" + r.Settings.Env + " " + up
		}
		return fmt.Errorf("looking for the backup service of %s: it is not running; start it: %s", r.Settings.Project, up)
	}
	said := run.NewTail()
	err = r.Engine.Exec(ctx, list[0].ID, engine.Command{
		Cmd: append([]string{"backup", verb}, words...), Streams: engine.Streams{In: in, Out: out, Err: io.MultiWriter(r.Err, said)},
	})
	var exit *engine.ExitError
	if errors.As(err, &exit) {
		// It has said why on standard error, which was passed on.
		return saidError{run.WithCode(exit.Code, fmt.Errorf("backup %s did not succeed (above)", verb)), strings.Join(said.Lines(), "\n")}
	}
	return err
}

// saidError is a failure whose reason whoever looks has read already.
type saidError struct {
	error
	said string
}

func (e saidError) Unwrap() error { return e.error }

// Said is the reason, for those who did not look: the last that the service said.
func (e saidError) Said() string { return e.said }
